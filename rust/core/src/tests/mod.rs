//! One battery, run over every level and element type, against an oracle in double precision.
