//! One tar header: 512 bytes of text fields, in any of the flavours (v7, USTAR, PAX, GNU).

/// Bytes of a tar block: a header, and what every member is filled up to.
pub(crate) const TAR_BLOCK: u64 = 512;

/// A block of the tar.
pub(crate) type Block = [u8; TAR_BLOCK as usize];

/// What a header says.
#[derive(Debug)]
pub(crate) struct Header {
    /// The name in the header itself; other records may overrule it.
    pub(crate) name: Vec<u8>,
    /// The kind of member: a digit or a letter, see [`Header::kind`].
    flag: u8,
    /// Bytes that follow; `None` where the field holds no number that a file could have.
    pub(crate) size: Option<u64>,
    /// Whether the map of a sparse file goes on in the next block.
    pub(crate) map_goes_on: bool,
}

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file's bytes.
    File,
    /// Nothing.
    Directory,
    /// Records about the next member (PAX).
    Records,
    /// Records about all further members (PAX).
    GlobalRecords,
    /// The next member's name (GNU).
    LongName,
    /// The target of the link that comes next (GNU).
    LongLink,
    /// A file with holes, in the GNU form.
    Sparse,
    /// Something that no backup holds, without bytes: a link, a device, a pipe.
    Special(&'static str),
    /// Something unknown, with bytes.
    Unknown,
}

impl Header {
    /// Understands `block`; `None` where its checksum does not hold.
    pub(crate) fn parse(block: &Block) -> Option<Self> {
        if !is_header(block) {
            return None;
        }
        let name = text(&block[..100]);
        // Only the POSIX flavour has the first part of a long name there; GNU keeps times in its place.
        let prefix = if &block[257..263] == b"ustar\0" { text(&block[345..500]) } else { &[] };
        let name = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        Some(Self { name, flag: block[156], size: number(&block[124..136]), map_goes_on: block[482] != 0 })
    }

    /// What follows.
    pub(crate) fn kind(&self) -> Kind {
        match self.flag {
            // In the oldest flavour a directory is known by its name alone.
            0 if self.name.ends_with(b"/") => Kind::Directory,
            b'0' | b'7' | 0 => Kind::File,
            b'1' => Kind::Special("a hard link"),
            b'2' => Kind::Special("a symbolic link"),
            b'3' | b'4' => Kind::Special("a device"),
            b'5' => Kind::Directory,
            b'6' => Kind::Special("a pipe"),
            b'x' | b'X' => Kind::Records,
            b'g' => Kind::GlobalRecords,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            b'S' => Kind::Sparse,
            _ => Kind::Unknown,
        }
    }
}

/// Whether every byte is zero.
pub(crate) fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

/// Whether `block`, of 512 bytes, is a header: its checksum holds.
pub(crate) fn is_header(block: &[u8]) -> bool {
    let Some(recorded) = block.get(148..156).and_then(number) else { return false };
    let counted = |index: usize, byte: u8| if (148..156).contains(&index) { b' ' } else { byte };
    let sum: u64 = block.iter().enumerate().map(|(index, &byte)| u64::from(counted(index, byte))).sum();
    if sum == recorded {
        return true;
    }
    // Some old makers summed signed bytes.
    let signed: i64 = block.iter().enumerate().map(|(i, &byte)| i64::from(counted(i, byte).cast_signed())).sum();
    u64::try_from(signed).is_ok_and(|signed| signed == recorded)
}

/// A text field, up to its first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A number field: octal digits between spaces and zero bytes, or binary where the first bit is set. `None` for anything
/// else, for negative numbers, and for those beyond what a file can have (2⁶³ - 1).
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    let value = if first & 0x80 != 0 {
        let first = if first == 0x80 { Some(0) } else { None };
        rest.iter().try_fold(first?, |value: u64, &byte| value.checked_mul(256)?.checked_add(u64::from(byte)))?
    } else {
        let digits = field.trim_ascii_start();
        let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
        let (digits, filler) = digits.split_at(end);
        if digits.is_empty() && filler.is_empty() || filler.iter().any(|byte| !matches!(byte, 0 | b' ')) {
            return None;
        }
        digits.iter().try_fold(0_u64, |value, &digit| match digit {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
            _ => None,
        })?
    };
    (value <= i64::MAX as u64).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_flavour_are_read_and_impossible_ones_are_not() {
        assert_eq!(number(b"00000001750\0"), Some(1000));
        assert_eq!(number(b"       1750 "), Some(1000));
        assert_eq!(number(b"777777777777"), Some(0o777_777_777_777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\0\0\x02\0\0\0\0"), Some(1 << 33));
        assert_eq!(number(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), None, "beyond what a file can have");
        assert_eq!(number(b"\x80\x01\0\0\0\0\0\0\0\0\0\x05"), None, "the upper bytes are not passed over");
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None, "negative");
        assert_eq!(number(b"0000000175x\0"), None);
        assert_eq!(number(b"000 0001750\0"), None);
    }

    #[test]
    fn a_header_with_one_changed_byte_is_no_header() {
        let mut header = tar::Header::new_ustar();
        header.set_size(5);
        header.set_cksum();
        let mut block = *header.as_bytes();
        assert!(is_header(&block));
        block[3] ^= 1;
        assert!(!is_header(&block));
        assert!(!is_header(&[0; 512]), "a block of zeros is the end, not a header");
    }
}
