//! What the documents of the demonstration server say.

use std::fmt::Write as _;

use super::random::Random;
use super::{pdf, png};

/// What kind of document it is, and how large.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Minutes or notes in English.
    Notes,
    /// The same in Chinese.
    ChineseNotes,
    /// A table of money with that many rows.
    Ledger(u32),
    /// The readings of a sensor, about that many bytes.
    Readings(u64),
    /// A drawing.
    Drawing,
    /// A photograph of that many pixels.
    Photo(u32, u32),
    /// A report of that many pages.
    Report(u32),
}

const ATTENDEES: [&str; 6] = ["Lin Wei", "Mara Hoffmann", "Tomas Novak", "Aiko Tanaka", "Chen Jie", "Ruth Okafor"];
const SENTENCES: [&str; 14] = [
    "The contractor confirmed the delivery of the second pump for the third week of the month.",
    "Costs are within the budget so far; the reserve has not been touched.",
    "The new quay wall was surveyed and no movement beyond two millimetres was found.",
    "Somebody has to check whether the permit for the night shift is still valid.",
    "We agreed to replace the worn fenders before the winter storms begin.",
    "Insurance asks for the list of all persons with access to the crane.",
    "The test run of pump station 3 ended after six hours without an alarm.",
    "Drawings were corrected where the cable duct crosses the drainage.",
    "Two offers came in; the cheaper one does not include the foundations.",
    "The neighbours complained about the noise, so piling will begin at eight.",
    "Everything that was decided here is to be done before the next meeting.",
    "Salinity at the inlet was above the limit on four days, all of them at spring tide.",
    "The photographs of the eastern pier are in the folder Marketing.",
    "Training for the new colleagues will take place in the workshop.",
];
const CHINESE_SENTENCES: [&str; 10] = [
    "第二台水泵将于本月第三周交付，承包商已书面确认。",
    "目前费用控制在预算之内，备用金尚未动用。",
    "新码头岸墙已完成测量，位移不超过两毫米。",
    "夜间施工许可证是否仍然有效，需要专人核实。",
    "会议决定在冬季风暴来临之前更换磨损的护舷。",
    "三号泵站试运行六小时，未出现报警。",
    "电缆沟与排水管交叉处的图纸已经修改。",
    "收到两份报价，较低的一份不包含基础工程。",
    "进水口盐度有四天超过限值，均为大潮期间。",
    "以上事项须在下次会议之前完成。",
];

/// Writes the content of revision `revision` (from 1) of the document `title`.
pub(crate) fn write(kind: Kind, title: &str, revision: u32, random: &mut Random) -> Vec<u8> {
    match kind {
        Kind::Notes => notes(title, revision, random).into_bytes(),
        Kind::ChineseNotes => chinese_notes(title, revision, random).into_bytes(),
        Kind::Ledger(rows) => ledger(rows, random).into_bytes(),
        Kind::Readings(bytes) => readings(bytes, random),
        Kind::Drawing => drawing(title, revision, random).into_bytes(),
        Kind::Photo(width, height) => png::draw(width, height, random),
        Kind::Report(pages) => report(title, pages, random),
    }
}

// Writing into a String cannot fail, hence the results that are not looked at below.

fn notes(title: &str, revision: u32, random: &mut Random) -> String {
    let mut text = format!("# {title}\n\nRevision {revision}. Present: ");
    let first = random.below(3) as usize;
    text.push_str(&ATTENDEES[first..first + 3].join(", "));
    text.push('\n');
    for item in 1..=5 + random.below(12) + u64::from(revision) {
        let _ = write!(
            text,
            "\n## {item}. {}\n\n",
            random.pick(&["Progress", "Costs", "Decisions", "Risks", "Open points"])
        );
        for _ in 0..3 + random.below(5) {
            text.push_str(random.pick(&SENTENCES));
            text.push('\n');
        }
    }
    text
}

fn chinese_notes(title: &str, revision: u32, random: &mut Random) -> String {
    let mut text = format!("# {title}\n\n第 {revision} 版。记录人：{}\n", random.pick(&["林薇", "陈杰", "王芳"]));
    for item in 1..=4 + random.below(8) + u64::from(revision) {
        let _ = write!(text, "\n## {item}、{}\n\n", random.pick(&["进展", "费用", "决议", "风险", "待办"]));
        for _ in 0..3 + random.below(4) {
            text.push_str(random.pick(&CHINESE_SENTENCES));
            text.push('\n');
        }
    }
    text
}

fn ledger(rows: u32, random: &mut Random) -> String {
    let mut text = String::from("number,date,account,description,amount_eur\r\n");
    for row in 1..=rows {
        let (month, day) = (1 + random.below(12), 1 + random.below(28));
        let (account, what) = random.pick(&[
            (4400, "Concrete, delivered"),
            (4410, "Steel, sheet piles"),
            (6010, "Wages, week"),
            (6310, "Rent of the site office"),
            (6800, "\"Pump, spare parts\""),
            (4980, "差旅费"),
        ]);
        let cents = 10_000 + random.below(9_000_000);
        let _ = write!(text, "{row},2026-{month:02}-{day:02},{account},{what},{}.{:02}\r\n", cents / 100, cents % 100);
    }
    text
}

fn readings(bytes: u64, random: &mut Random) -> Vec<u8> {
    let mut text = String::with_capacity(bytes as usize + 64);
    text.push_str("second,level_m,flow_m3_h,salinity_psu,temperature_c\n");
    let (mut level, mut second) = (2.0_f64, 0_u64);
    while (text.len() as u64) < bytes {
        level += random.fraction() * 0.02 - 0.01;
        let (flow, salinity) = (300.0 + random.fraction() * 60.0, 28.0 + random.fraction() * 6.0);
        let _ = writeln!(text, "{second},{level:.3},{flow:.1},{salinity:.2},{:.1}", 9.0 + random.fraction() * 4.0);
        second += 10;
    }
    text.into_bytes()
}

fn drawing(title: &str, revision: u32, random: &mut Random) -> String {
    let mut text = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 600\">\n");
    let _ = writeln!(text, "  <title>{title}, revision {revision}</title>");
    text.push_str("  <rect width=\"800\" height=\"600\" fill=\"#fdfcf7\"/>\n");
    text.push_str("  <path d=\"M0 420 H800\" stroke=\"#2b6f8f\" stroke-width=\"3\"/>\n");
    for pile in 0..40 + random.below(60) {
        let (x, depth) = (10 + pile * 8, 430 + random.below(150));
        let _ = writeln!(text, "  <path d=\"M{x} 300 V{depth}\" stroke=\"#555\"/>");
        let _ = writeln!(text, "  <text x=\"{x}\" y=\"{}\" font-size=\"5\">-{}</text>", depth + 8, depth - 300);
    }
    text.push_str("</svg>\n");
    text
}

fn report(title: &str, pages: u32, random: &mut Random) -> Vec<u8> {
    let lines: Vec<String> = (1..=pages * 48).map(|line| format!("{line:>5}  {}", random.pick(&SENTENCES))).collect();
    pdf::set(title, &lines)
}
