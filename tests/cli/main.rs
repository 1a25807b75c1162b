//! What the command line promises, tried on the real program.
