//! Any bytes as a question about receipts, and as a reply: to the question that they are, and to a
//! walk over a day that has a few.

use federation_protocol::digest::content_digest;
use federation_protocol::receipts::{
    Day, MOST_QUESTIONS, Narrowing, ReceiptSet, ReceiptsQuestion, ReceiptsReply,
};
use federation_protocol::sample::NOW;
use federation_protocol::signature::ExchangeId;

pub(crate) fn run(data: &[u8]) {
    let mut mine = ReceiptSet::new(Day::of(NOW));
    for number in 0..3 {
        mine.add(
            ExchangeId::new(NOW, [number; 10]),
            &content_digest(&[number]),
            number == 2,
        );
    }
    if let Ok(question) = ReceiptsQuestion::parse(data) {
        let again = serde_json::to_vec(&question).unwrap_or_default();
        assert_eq!(ReceiptsQuestion::parse(&again).as_ref(), Ok(&question));
        let reply = serde_json::to_vec(&mine.reply(&question)).unwrap_or_default();
        // A set replies about its own day alone.
        assert!(question.day != mine.day() || ReceiptsReply::parse(&reply).is_ok());
    }
    if let Ok(reply) = ReceiptsReply::parse(data) {
        let again = serde_json::to_vec(&reply).unwrap_or_default();
        assert_eq!(ReceiptsReply::parse(&again).as_ref(), Ok(&reply));
        let mut narrowing = Narrowing::of(&mine);
        let mut questions = 0;
        while let Some(question) = narrowing.question() {
            questions += 1;
            if narrowing.take(&question, &reply).is_err() {
                break;
            }
        }
        assert!(questions <= MOST_QUESTIONS);
    }
}
