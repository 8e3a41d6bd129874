//! From "the day differs" to the exchanges, in few questions.

use std::collections::BTreeMap;

use super::{
    MOST_ITEMS, Prefix, Receipt, ReceiptSet, ReceiptsError, ReceiptsQuestion, ReceiptsReply,
};
use crate::signature::ExchangeId;

/// So many questions are asked about one day.
pub const MOST_QUESTIONS: usize = 300;
/// After so many differences no more are looked for.
pub const MOST_NAMED: usize = 1_000;

/// What two ends do not agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Settled exchanges here.
    pub here: u64,
    /// Settled exchanges there.
    pub there: u64,
    /// Settled there, and nothing of them here.
    pub missing_here: Vec<ExchangeId>,
    /// Settled here, and nothing of them there.
    pub missing_there: Vec<ExchangeId>,
    /// At both ends, with another request.
    pub differing: Vec<ExchangeId>,
    /// How many of those looked at were settled at one end and unanswered at the other: the answer
    /// was lost on its way.
    pub unanswered: u64,
    /// Whether there may be more than is named: there was too much to ask about.
    pub more: bool,
}

impl Differences {
    /// Whether nothing is missing and nothing another.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.named() == 0 && !self.more
    }

    fn named(&self) -> usize {
        self.missing_here.len() + self.missing_there.len() + self.differing.len()
    }
}

/// The walk over one day, from this end's receipts. Asks where digests differ, and there only.
pub struct Narrowing<'a> {
    mine: &'a ReceiptSet,
    waiting: Vec<Prefix>,
    asked: usize,
    found: Differences,
}

impl<'a> Narrowing<'a> {
    /// Begins with the whole day.
    #[must_use]
    pub fn of(mine: &'a ReceiptSet) -> Self {
        Self {
            mine,
            waiting: vec![Prefix::default()],
            asked: 0,
            found: Differences::default(),
        }
    }

    /// What to ask next; `None` when it is over.
    pub fn question(&mut self) -> Option<ReceiptsQuestion> {
        let over = self.asked >= MOST_QUESTIONS || self.found.named() >= MOST_NAMED;
        if over && !self.waiting.is_empty() {
            self.waiting.clear();
            self.found.more = true;
        }
        let prefix = self.waiting.pop()?;
        self.asked += 1;
        Some(ReceiptsQuestion {
            day: self.mine.day(),
            prefix,
        })
    }

    /// Takes the reply to `question`.
    ///
    /// # Errors
    /// [`ReceiptsError`]: it is the reply to another.
    pub fn take(
        &mut self,
        question: &ReceiptsQuestion,
        reply: &ReceiptsReply,
    ) -> Result<(), ReceiptsError> {
        if (reply.day, &reply.prefix) != (question.day, &question.prefix) {
            return Err(ReceiptsError);
        }
        let prefix = &question.prefix;
        let mine = self.mine.settled(prefix);
        if self.asked == 1 {
            (self.found.here, self.found.there) = (mine.0, reply.count);
        }
        if mine == (reply.count, reply.digest) {
            return Ok(());
        }
        match (&reply.items, &reply.buckets) {
            (Some(items), _) => self.compare(prefix, items),
            (_, Some(buckets)) => {
                let here = self.mine.buckets(prefix);
                let differing = (0..=u8::MAX).zip(here.iter().zip(buckets));
                let differing = differing.filter(|(_, (here, there))| here != there);
                self.waiting
                    .extend(differing.filter_map(|(byte, _)| prefix.longer(byte)));
            }
            _ => return Err(ReceiptsError),
        }
        Ok(())
    }

    fn compare(&mut self, prefix: &Prefix, theirs: &[Receipt]) {
        let mut both: BTreeMap<ExchangeId, (Vec<Receipt>, Vec<Receipt>)> = BTreeMap::new();
        for receipt in theirs {
            both.entry(receipt.exchange).or_default().1.push(*receipt);
        }
        // What they cut is not missing there.
        let is_cut = prefix.is_deepest() && theirs.len() == MOST_ITEMS;
        let end = theirs.last().map(|last| last.exchange).filter(|_| is_cut);
        let mine = self.mine.below(prefix);
        for receipt in mine.take_while(|mine| end.is_none_or(|end| mine.exchange <= end)) {
            both.entry(receipt.exchange).or_default().0.push(receipt);
        }
        self.found.more |= is_cut;
        for (exchange, (mine, theirs)) in both {
            self.judge(exchange, &mine, &theirs);
        }
    }

    fn judge(&mut self, exchange: ExchangeId, mine: &[Receipt], theirs: &[Receipt]) {
        let settled = |side: &[Receipt]| side.iter().any(|receipt| !receipt.open);
        let digests = |side: &[Receipt]| -> Vec<[u8; 32]> {
            side.iter().map(|receipt| receipt.digest).collect()
        };
        match (settled(mine), settled(theirs)) {
            (false, false) => {}
            (true, _) if theirs.is_empty() => self.found.missing_there.push(exchange),
            (_, true) if mine.is_empty() => self.found.missing_here.push(exchange),
            _ if digests(mine) != digests(theirs) => self.found.differing.push(exchange),
            (true, true) => {}
            _ => self.found.unanswered = self.found.unanswered.saturating_add(1),
        }
    }

    /// What was found.
    #[must_use]
    pub fn end(self) -> Differences {
        self.found
    }
}
