//! What a questionnaire says by itself, and the words of users that it knows. Users are on Chinese platforms; the words are known in
//! English too.

use siyu_forms::{Field, FieldKind};

use crate::domain::replies::Folding;

const STOP: [&str; 6] = ["取消", "退出", "结束", "停止", "stop", "cancel"];
const SKIP: [&str; 2] = ["跳过", "skip"];
const YES: [&str; 4] = ["同意", "我同意", "yes", "agree"];
const NO: [&str; 4] = ["不同意", "我不同意", "no", "disagree"];

pub(super) const STOPPED: &str = "好的，已结束。";
pub(super) const GIVEN_UP: &str = "抱歉，没有看懂您的回答，问卷已结束。";
pub(super) const NOT_SUBMITTED: &str = "好的，不会提交您的信息。";
pub(super) const THANKS: &str = "谢谢，已收到您的回答。";
pub(super) const NO_TEXT: &str = "请用文字回答。";
pub(super) const YES_OR_NO: &str = "请回复“同意”或“不同意”。";

/// The text as words and options are compared: in any width, case and script.
pub(super) fn folded(text: &str) -> String {
    const ALL: Folding = Folding { width: true, case: true, script: true };
    ALL.fold(text).trim().to_owned()
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    let folded = folded(text);
    words.contains(&folded.trim_matches(|character: char| !character.is_alphanumeric()))
}

pub(super) fn is_stop(text: &str) -> bool {
    is_one_of(text, &STOP)
}

pub(super) fn is_skip(text: &str) -> bool {
    is_one_of(text, &SKIP)
}

/// Whether a user agrees, where they say so or not.
pub(super) fn agrees(text: &str) -> Option<bool> {
    if is_one_of(text, &YES) {
        return Some(true);
    }
    is_one_of(text, &NO).then_some(false)
}

/// A question as it is sent.
pub(super) fn asked(field: &Field) -> String {
    let mut text = field.label.clone();
    for (place, option) in field.options.iter().enumerate() {
        text.push_str(&format!("\n{}. {option}", place + 1));
    }
    if !field.required {
        text.push_str("\n（可回复“跳过”）");
    }
    text
}

/// What an answer to a field must be.
pub(super) fn rule(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Choice => "请回复选项的编号或文字。",
        FieldKind::MultiChoice => "请回复选项的编号或文字，多个之间用逗号分开。",
        FieldKind::Name => "请回复姓名，最多 50 个字。",
        FieldKind::Mobile => "请回复手机号，例如 13812345678。",
        FieldKind::Phone => "请回复电话号码，座机请加区号，例如 010-62345678。",
        FieldKind::Region => "请回复行政区划代码，例如 330106。",
        FieldKind::Text => "请用文字回答，不要太长。",
        FieldKind::Number => "请回复数字，例如 90。",
        FieldKind::Date => "请回复日期，例如 2026-03-01。",
        FieldKind::Email => "请回复邮箱地址，例如 li@example.com。",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_however_they_are_written() {
        assert!(is_stop("取消！") && is_stop(" ＳＴＯＰ ") && is_stop("結束"));
        assert!(!is_stop("取消订单") && !is_stop(""));
        assert_eq!(
            (agrees("Yes."), agrees("我同意"), agrees("“同意”")),
            (Some(true), Some(true), Some(true))
        );
        assert_eq!((agrees("不同意"), agrees("NO"), agrees("好")), (Some(false), Some(false), None));
    }
}
