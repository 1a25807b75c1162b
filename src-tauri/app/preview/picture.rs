//! Pictures, recognised by their first bytes, and how many points they have: looked up in the file's head, before anything
//! unpacks it.

/// A picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    /// Its type, as in `image/png`.
    pub(super) mime: &'static str,
    /// Width and height, where its head tells them.
    pub(super) size: Option<(u32, u32)>,
}

impl Picture {
    /// How many points it has.
    pub(super) fn points(self) -> Option<u64> {
        self.size.map(|(width, height)| u64::from(width) * u64::from(height))
    }
}

/// The picture that begins so. SVG is none: it is a document that can do things.
pub(super) fn recognise(begin: &[u8]) -> Option<Picture> {
    let (mime, size) = match begin {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => ("image/png", png(begin)),
        [0xff, 0xd8, 0xff, ..] => ("image/jpeg", jpeg(begin)),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => ("image/gif", gif(begin)),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => ("image/bmp", bmp(begin)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ("image/webp", webp(begin)),
        _ => return None,
    };
    Some(Picture { mime, size })
}

fn png(begin: &[u8]) -> Option<(u32, u32)> {
    let is_head = begin.get(12..16)? == b"IHDR";
    let number = |at: usize| Some(u32::from_be_bytes(begin.get(at..at + 4)?.try_into().ok()?));
    is_head.then_some((number(16)?, number(20)?))
}

/// Goes from segment to segment to the first that tells the size of a frame.
fn jpeg(begin: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let &[0xff, marker, high, low, ..] = begin.get(at..)? else { return None };
        match marker {
            // Bytes that fill up.
            0xff => at += 1,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let &[a, b, c, d] = begin.get(at + 5..at + 9)? else { return None };
                return Some((u16::from_be_bytes([c, d]).into(), u16::from_be_bytes([a, b]).into()));
            }
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
        }
    }
}

/// The screen, or the first frame where that is larger: programs make room for it.
fn gif(begin: &[u8]) -> Option<(u32, u32)> {
    let table = |at: usize| {
        let flags = *begin.get(at)?;
        Some(if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) })
    };
    let screen = little_pair(begin, 6)?;
    let mut at = 13 + table(10)?;
    while *begin.get(at)? == 0x21 {
        at += 2;
        while let length @ 1.. = *begin.get(at)? {
            at += 1 + usize::from(length);
        }
        at += 1;
    }
    let ((left, top), (width, height)) = (little_pair(begin, at + 1)?, little_pair(begin, at + 5)?);
    (*begin.get(at)? == 0x2c).then_some((screen.0.max(left + width), screen.1.max(top + height)))
}

fn bmp(begin: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(i32::from_le_bytes(begin.get(at..at + 4)?.try_into().ok()?));
    match number(14)? {
        12 => little_pair(begin, 18),
        40.. => Some((number(18)?.unsigned_abs(), number(22)?.unsigned_abs())),
        _ => None,
    }
}

fn webp(begin: &[u8]) -> Option<(u32, u32)> {
    match begin.get(12..16)? {
        b"VP8 " => little_pair(begin, 26).map(|(width, height)| (width & 0x3fff, height & 0x3fff)),
        b"VP8L" => {
            let bits = u32::from_le_bytes(begin.get(21..25)?.try_into().ok()?);
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => {
            let number = |at: usize| {
                let &[a, b, c] = begin.get(at..at + 3)? else { return None };
                Some(u32::from_le_bytes([a, b, c, 0]) + 1)
            };
            Some((number(24)?, number(27)?))
        }
        _ => None,
    }
}

/// Two numbers of two bytes, the low one first.
fn little_pair(begin: &[u8], at: usize) -> Option<(u32, u32)> {
    let &[a, b, c, d] = begin.get(at..at + 4)? else { return None };
    Some((u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_tells_its_points_before_it_is_unpacked() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\0\0\0\x02\0\0";
        let jpeg = b"\xff\xd8\xff\xe0\0\x04AB\xff\xff\xc0\0\x11\x08\x02\x58\x03\x20";
        let webp = b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x1f\x03\0\x57\x02\0";
        for (begin, mime, size) in [
            (png.as_slice(), "image/png", (65_536, 131_072)),
            (jpeg, "image/jpeg", (800, 600)),
            (b"GIF89a\x01\0\x01\0\x80\0\0RGBRGB!\xf9\x01A\0,\x20\0\0\0\0\x03\x58\x02", "image/gif", (800, 600)),
            (b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0\x20\x03\0\0\xa8\xfd\xff\xff", "image/bmp", (800, 600)),
            (webp, "image/webp", (800, 600)),
        ] {
            assert_eq!(recognise(begin), Some(Picture { mime, size: Some(size) }));
            for cut in 0..begin.len() {
                assert!(recognise(&begin[..cut]).is_none_or(|picture| picture.size.is_none()), "{mime}, {cut} bytes");
            }
        }
    }

    #[test]
    fn what_can_do_more_than_be_looked_at_is_no_picture() {
        for begin in
            ["<svg xmlns=\"http://www.w3.org/2000/svg\">", "<?xml version=\"1.0\"?><svg/>", "<html>", "%PDF-1.4", ""]
        {
            assert_eq!(recognise(begin.as_bytes()), None);
        }
    }
}
