//! What an archive holds: every member's digest, found in one walk through the tar.

use std::io::{self, BufRead};

use sha2::{Digest, Sha256};

use super::FindingCode;
use super::findings::Findings;
use crate::archive::decrypt::{Ciphertext, Ending, Plaintext, Shape};
use crate::archive::tables::{Fingerprint, Places, fingerprint, is_content};
use crate::archive::tar_reader::{Flaw, FlawKind, Found, Members, Source};
use crate::error::Result;

/// How many flaws of the tar are kept in words.
const MAX_FLAWS: usize = 1000;

/// The members of an archive.
pub(super) struct Inventory {
    /// By fingerprint of the name.
    members: Vec<Measured>,
    /// Where the JSON members are.
    pub(super) places: Places,
    content_bytes: u64,
    flaws: Vec<Flaw>,
    flaws_total: u64,
    trailing_bytes: bool,
    /// Whether the walk went from the beginning to the end without losing its way: what was not met is not there.
    pub(super) is_complete: bool,
}

/// A member as it was read: 56 bytes, however long its name.
pub(super) struct Measured {
    name: Fingerprint,
    begins_at: u64,
    /// Its bytes.
    pub(super) size: u64,
    /// Their SHA-256.
    pub(super) sha256: [u8; 32],
}

impl Inventory {
    /// Walks through `tar` to its end.
    pub(super) fn take(tar: impl Source, ending: Ending) -> io::Result<Self> {
        let mut walk = Members::new(tar, ending == Ending::Sound);
        let mut inventory = Self {
            members: Vec::new(),
            places: Places::default(),
            content_bytes: 0,
            flaws: Vec::new(),
            flaws_total: 0,
            trailing_bytes: false,
            is_complete: true,
        };
        while let Some(found) = walk.next()? {
            match found {
                Found::Flaw(flaw) => inventory.note(flaw),
                Found::Member(member) => {
                    inventory.places.note(&member);
                    if is_content(&member.name) {
                        inventory.content_bytes += member.size;
                    }
                    let sha256 = digest(walk.body())?;
                    let (name, begins_at) = (fingerprint(&member.name), member.begins_at);
                    inventory.members.push(Measured { name, begins_at, size: member.size, sha256 });
                }
            }
        }
        // Where the walk has given up, the rest is known to be something.
        inventory.trailing_bytes = inventory.is_complete && !walk.rest_is_zeros()?;
        inventory.members.sort_unstable_by_key(|member| (member.name, member.begins_at));
        Ok(inventory)
    }

    fn note(&mut self, flaw: Flaw) {
        self.is_complete &= flaw.kind == FlawKind::MemberKind;
        self.flaws_total += 1;
        if self.flaws.len() < MAX_FLAWS {
            self.flaws.push(flaw);
        }
    }

    /// Tells what is wrong with the tar itself.
    pub(super) fn report(&self, ciphertext: &Ciphertext, shape: Shape, findings: &mut Findings) -> Result<()> {
        for flaw in &self.flaws {
            let code = match flaw.kind {
                FlawKind::Truncated => FindingCode::Truncated,
                FlawKind::Header => FindingCode::Header,
                FlawKind::TrailingBytes => FindingCode::TrailingBytes,
                FlawKind::MemberKind => FindingCode::MemberKind,
            };
            let member = flaw.member.as_deref().map(String::from_utf8_lossy);
            findings.damage(code, member.as_deref(), &flaw.reason);
        }
        findings.count_damage(self.flaws_total - self.flaws.len() as u64);
        if self.trailing_bytes {
            findings.damage(FindingCode::TrailingBytes, None, "bytes other than zeros follow the end");
        }
        let is_cut = self.flaws.iter().any(|flaw| flaw.kind == FlawKind::Truncated);
        match shape.ending {
            Ending::Cut if !is_cut => findings.damage(FindingCode::Truncated, None, "its last bytes are missing"),
            // What is cut has no padding; saying so twice would only hide what happened.
            Ending::BadPadding if !is_cut => {
                findings.damage(FindingCode::Padding, None, "the padding at its end is damaged");
            }
            _ => {}
        }
        for pair in self.members.windows(2).filter(|pair| pair[0].name == pair[1].name) {
            let name = self.name_of(&pair[1], ciphertext, shape.tar_size, findings)?;
            findings.damage(FindingCode::DuplicateMember, name.as_deref(), "the archive holds a member twice");
        }
        Ok(())
    }

    /// The member of that name, and its number.
    pub(super) fn find(&self, name: &str) -> Option<(usize, &Measured)> {
        let name = fingerprint(name.as_bytes());
        let index = self.members.partition_point(|member| member.name < name);
        self.members.get(index).filter(|member| member.name == name).map(|member| (index, member))
    }

    /// The numbers of the members that have the name of member `index`.
    pub(super) fn same_name(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let name = self.members.get(index).map(|member| member.name);
        (index..self.members.len()).take_while(move |&next| Some(self.members[next].name) == name)
    }

    /// The name of member `index`, read again; `None` where no more findings are listed.
    pub(super) fn name(
        &self,
        index: usize,
        ciphertext: &Ciphertext,
        tar_size: u64,
        findings: &Findings,
    ) -> Result<Option<String>> {
        self.members.get(index).map_or(Ok(None), |member| self.name_of(member, ciphertext, tar_size, findings))
    }

    fn name_of(
        &self,
        member: &Measured,
        ciphertext: &Ciphertext,
        tar_size: u64,
        findings: &Findings,
    ) -> Result<Option<String>> {
        if !findings.has_room_for_damage() {
            return Ok(None);
        }
        let name = Members::name_at(Plaintext::new(ciphertext, tar_size), member.begins_at);
        let name = name.map_err(|e| ciphertext.unreadable(e))?;
        Ok(name.map(|name| String::from_utf8_lossy(&name).into_owned()))
    }

    /// How many members there are.
    pub(super) fn count(&self) -> u64 {
        self.members.len() as u64
    }

    /// Bytes of the contents.
    pub(super) fn content_bytes(&self) -> u64 {
        self.content_bytes
    }
}

fn digest(mut body: impl BufRead) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    loop {
        let bytes = body.fill_buf()?;
        if bytes.is_empty() {
            return Ok(digest.finalize().into());
        }
        digest.update(bytes);
        let len = bytes.len();
        body.consume(len);
    }
}
