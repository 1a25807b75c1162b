//! tar_reader
