//! tar_writer
