//! Pages of text, as a PDF.

use std::fmt::Write as _;

/// Lines that fit on a page.
const LINES: usize = 48;

/// Sets `title` and `lines` (ASCII) on as many pages as they need.
pub(crate) fn set(title: &str, lines: &[String]) -> Vec<u8> {
    let pages: Vec<_> = lines.chunks(LINES).collect();
    let mut pdf = Pdf { text: "%PDF-1.4\n".to_owned(), offsets: Vec::new() };
    // Objects: 1 catalogue, 2 tree of pages, 3 font, then for each page the page and its text.
    let kids: Vec<_> = (0..pages.len()).map(|i| format!("{} 0 R", 4 + 2 * i)).collect();
    pdf.object("<< /Type /Catalog /Pages 2 0 R >>");
    pdf.object(&format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()));
    pdf.object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
    for (i, page) in pages.iter().enumerate() {
        let text = page_text(title, i + 1, pages.len(), page);
        pdf.object(&format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + 2 * i
        ));
        pdf.object(&format!("<< /Length {} >>\nstream\n{text}endstream", text.len()));
    }
    pdf.finish()
}

fn page_text(title: &str, number: usize, of: usize, lines: &[String]) -> String {
    let mut text = format!(
        "BT /F1 15 Tf 56 785 Td ({}) Tj ET\nBT /F1 9 Tf 56 40 Td (Page {number} of {of}) Tj ET\nBT /F1 10 Tf 56 755 Td 14 TL\n",
        escaped(title)
    );
    for line in lines {
        text.push_str(&format!("({}) Tj T*\n", escaped(line)));
    }
    text.push_str("ET\n");
    text
}

fn escaped(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    printable.collect::<String>().replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)")
}

struct Pdf {
    text: String,
    offsets: Vec<usize>,
}

impl Pdf {
    fn object(&mut self, body: &str) {
        self.offsets.push(self.text.len());
        // Writing into a String cannot fail; likewise below.
        let _ = write!(self.text, "{} 0 obj\n{body}\nendobj\n", self.offsets.len());
    }

    fn finish(mut self) -> Vec<u8> {
        let xref = self.text.len();
        let size = self.offsets.len() + 1;
        let _ = write!(self.text, "xref\n0 {size}\n0000000000 65535 f \n");
        for offset in &self.offsets {
            let _ = writeln!(self.text, "{offset:010} 00000 n ");
        }
        let _ = write!(self.text, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n");
        self.text.into_bytes()
    }
}
