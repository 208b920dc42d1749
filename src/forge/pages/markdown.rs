//! Markdown to harmless HTML: raw HTML is shown as text but for a few bare tags, hidden comments vanish, links go to
//! the web or by mail only, pictures become links. Boxes of task lists can be made to act.

use maud::{Markup, PreEscaped, html};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};
use sha2::{Digest, Sha256};

use crate::forge::pages::diagram;
use crate::forge::world::text::boxes;

/// Tags that stand as they are, without attributes.
const BARE_TAGS: [&str; 12] = [
    "<details>",
    "<details open>",
    "</details>",
    "<summary>",
    "</summary>",
    "<sub>",
    "</sub>",
    "<sup>",
    "</sup>",
    "<br>",
    "<br/>",
    "<br />",
];
/// Schemes a link may have.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];
/// Longest text rendered, in bytes; the rest is cut, which is said.
const TEXT_BYTES_MAX: usize = 400_000;
/// What a link's address may not hold as it is.
const ADDRESS: &AsciiSet = &CONTROLS.add(b'"').add(b'<').add(b'>').add(b' ').add(b'\'');

/// How a text is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// Where `#12` leads: the address up to the number.
    pub(crate) issues: &'a str,
    /// The id of the form that a box belongs to; nothing: boxes only show.
    pub(crate) tick_form: Option<&'a str>,
}

/// Renders a text.
pub(crate) fn render(text: &str, setting: Setting<'_>) -> Markup {
    let shown = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
    let ticks = boxes(shown);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut safe =
        Safe { setting, text: shown, ticks, in_code: false, in_link: false, block: None, picture: None, diagram: None };
    let events =
        Parser::new_ext(shown, options).into_offset_iter().flat_map(|(event, range)| safe.event(event, range.start));
    let mut out = String::with_capacity(shown.len() * 2);
    pulldown_cmark::html::push_html(&mut out, events);
    html! {
        div.markdown { (PreEscaped(out)) }
        @if shown.len() < text.len() { p.quiet { "The rest of this text is not shown." } }
    }
}

/// What names the line of a box, so that a tick on another text is noticed.
pub(crate) fn line_mark(text: &str, box_at: usize) -> String {
    let start = text.get(..box_at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(box_at + 1..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let before = text.get(start..box_at).unwrap_or_default();
    let digest = Sha256::digest(format!("{before}\0{line}").as_bytes());
    hex::encode(digest.get(..8).unwrap_or_default())
}

struct Safe<'a> {
    setting: Setting<'a>,
    text: &'a str,
    ticks: Vec<usize>,
    in_code: bool,
    in_link: bool,
    /// Raw HTML of a block, gathered to its end.
    block: Option<String>,
    /// The words for a picture, gathered to its end, and its address.
    picture: Option<(String, String)>,
    /// The source of a diagram, gathered to its end.
    diagram: Option<String>,
}

fn trusted<'a>(markup: Markup) -> Event<'a> {
    Event::InlineHtml(CowStr::from(markup.into_string()))
}

impl Safe<'_> {
    fn event<'e>(&mut self, event: Event<'e>, at: usize) -> Vec<Event<'e>> {
        if self.picture.is_some() || self.diagram.is_some() {
            return self.gathered(event);
        }
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.trim() == "mermaid" => {
                self.diagram = Some(String::new());
                Vec::new()
            }
            Event::Start(Tag::HtmlBlock) => {
                self.block = Some(String::new());
                Vec::new()
            }
            Event::Html(html) => match &mut self.block {
                Some(block) => {
                    block.push_str(&html);
                    Vec::new()
                }
                None => vec![trusted(PreEscaped(sanitized(&html)))],
            },
            Event::End(TagEnd::HtmlBlock) => {
                let block = self.block.take().unwrap_or_default();
                vec![Event::Html(CowStr::from(sanitized(&block)))]
            }
            Event::InlineHtml(html) => vec![trusted(PreEscaped(sanitized(&html)))],
            Event::Start(Tag::CodeBlock(kind)) => {
                self.in_code = true;
                vec![Event::Start(Tag::CodeBlock(kind))]
            }
            Event::End(TagEnd::CodeBlock) => {
                self.in_code = false;
                vec![Event::End(TagEnd::CodeBlock)]
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                self.in_link = true;
                vec![Event::Start(Tag::Link { link_type, dest_url: safe_address(&dest_url, link_type), title, id })]
            }
            Event::End(TagEnd::Link) => {
                self.in_link = false;
                vec![Event::End(TagEnd::Link)]
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.picture = Some((String::new(), dest_url.into_string()));
                Vec::new()
            }
            Event::TaskListMarker(checked) => vec![trusted(self.tick_box(checked, at))],
            // As GitHub shows issues and comments, unlike files: a line's end is a line's end.
            Event::SoftBreak => vec![Event::HardBreak],
            Event::Text(text) if !self.in_code && !self.in_link => self.with_references(text),
            other @ (Event::Start(_)
            | Event::End(_)
            | Event::Text(_)
            | Event::Code(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::HardBreak
            | Event::Rule) => vec![other],
        }
    }

    /// Keeps the text of the picture or diagram under way, to its end.
    fn gathered<'e>(&mut self, event: Event<'e>) -> Vec<Event<'e>> {
        if let Some((words, _)) = &mut self.picture {
            if event == Event::End(TagEnd::Image) {
                return self.end_picture();
            }
            if let Event::Text(text) | Event::Code(text) = event {
                words.push_str(&text);
            }
        } else if let Some(source) = &mut self.diagram {
            if event == Event::End(TagEnd::CodeBlock) {
                return self.end_diagram();
            }
            if let Event::Text(text) = event {
                source.push_str(&text);
            }
        }
        Vec::new()
    }

    fn end_picture<'e>(&mut self) -> Vec<Event<'e>> {
        let (words, address) = self.picture.take().unwrap_or_default();
        let label = if words.trim().is_empty() { "picture".to_owned() } else { words };
        let address = safe_address(&address, LinkType::Inline);
        // A picture from elsewhere would tell its server who reads this.
        let shown = if self.in_link {
            html! { "[" (label) "]" }
        } else {
            html! { a href=(address) { "[" (label) "]" } }
        };
        vec![trusted(shown)]
    }

    fn end_diagram<'e>(&mut self) -> Vec<Event<'e>> {
        let source = self.diagram.take().unwrap_or_default();
        let shown = diagram::draw(&source, self.setting.issues).unwrap_or_else(|| {
            html! { div.caption { "Diagram source (Mermaid)" } pre { code { (source) } } }
        });
        vec![Event::Html(CowStr::from(shown.into_string()))]
    }

    fn tick_box(&self, checked: bool, at: usize) -> Markup {
        let sign = if checked { "✓" } else { "" };
        let index = self.ticks.iter().position(|tick| *tick == at + 1);
        match (self.setting.tick_form, index) {
            (Some(form), Some(index)) => {
                let value = format!("{index}:{}:{}", if checked { "off" } else { "on" }, line_mark(self.text, at + 1));
                let label = if checked { "Untick" } else { "Tick" };
                html! {
                    button.tick.checked[checked] type="submit" form=(form) name="box" value=(value) title=(label)
                        role="checkbox" aria-checked=(if checked { "true" } else { "false" }) { (sign) }
                }
            }
            _ => {
                let label = if checked { "ticked" } else { "not ticked" };
                html! { span.tick.checked[checked] role="img" aria-label=(label) { (sign) } }
            }
        }
    }

    /// Makes `#12` a link.
    fn with_references<'e>(&self, text: CowStr<'e>) -> Vec<Event<'e>> {
        let mut events = Vec::new();
        let mut rest: &str = &text;
        let mut before = ' ';
        while let Some(at) = rest.find('#') {
            let (head, tail) = rest.split_at(at);
            let digits = tail.get(1..).unwrap_or_default();
            let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let last = head.chars().next_back().unwrap_or(before);
            let next = digits.get(length..).and_then(|after| after.chars().next());
            let apart = !last.is_alphanumeric() && next.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let number = digits.get(..length).unwrap_or_default();
            if apart && (1..=9).contains(&length) {
                events.push(Event::Text(CowStr::from(head.to_owned())));
                events.push(trusted(html! { a href={ (self.setting.issues) (number) } { "#" (number) } }));
            } else {
                events.push(Event::Text(CowStr::from(format!("{head}#{number}"))));
            }
            rest = digits.get(length..).unwrap_or_default();
            before = number.chars().next_back().unwrap_or('#');
        }
        if events.is_empty() {
            return vec![Event::Text(text)];
        }
        events.push(Event::Text(CowStr::from(rest.to_owned())));
        events
    }
}

/// The address if it is one of the web, of mail, or of this site; else one that leads nowhere.
fn safe_address<'a>(address: &str, kind: LinkType) -> CowStr<'a> {
    if kind == LinkType::Email {
        return CowStr::from(utf8_percent_encode(address, ADDRESS).to_string());
    }
    // Browsers pass over control characters and blanks in a scheme.
    let seen: String = address.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let scheme = seen.find([':', '/', '?', '#']).filter(|at| seen[*at..].starts_with(':')).map(|at| &seen[..at]);
    let allowed = scheme.is_none_or(|scheme| SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)));
    if allowed { CowStr::from(utf8_percent_encode(address, ADDRESS).to_string()) } else { CowStr::Borrowed("#") }
}

/// Raw HTML made harmless: comments go, the bare tags stay, all else is text.
fn sanitized(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while !rest.is_empty() {
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let tag = BARE_TAGS.iter().find(|tag| rest.get(..tag.len()).is_some_and(|head| head.eq_ignore_ascii_case(tag)));
        if let Some(tag) = tag {
            out.push_str(tag);
            rest = rest.get(tag.len()..).unwrap_or_default();
            continue;
        }
        let mut letters = rest.chars();
        match letters.next() {
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('&') => out.push_str("&amp;"),
            Some('"') => out.push_str("&quot;"),
            Some(letter) => out.push(letter),
            None => {}
        }
        rest = letters.as_str();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        render(text, Setting { issues: "/o/r/issues/", tick_form: Some("tick") }).into_string()
    }

    #[test]
    fn hostile_text_is_harmless() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "```mermaid\n<script>x</script>\n```",
            "<details ontoggle=alert(1)>x</details>",
            "<svg/onload=alert(1)>",
            "<br onclick=alert(1)>",
            "<!-- > --><script>x</script>",
            "<!--\n\n<script>x</script>\n",
            "<DETAILS\nopen onclick=x>",
            "<a href='javascript:alert(1)'>x</a>",
            "<style>*{display:none}</style>",
            "<div>\n\n<iframe src=//evil></iframe>",
        ] {
            let html = shown(text).to_lowercase();
            for bad in ["<script", "<img", "<svg", "<iframe", "<style", "<a href='java", "<br o", "<details o"] {
                assert!(!html.contains(bad), "{text:?} gave {html}");
            }
        }
        for address in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "java&#x0A;script:x",
            "\u{1}javascript:x",
            "file:///etc/passwd",
        ] {
            let html = shown(&format!("[x](<{address}>) ![y](<{address}>)"));
            for link in html.split("href=\"").skip(1) {
                assert!(link.starts_with("#\""), "{address:?} gave {html}");
            }
        }
        let html = shown("![a\"><script>](http://e.example/x.png) [q](\"onmouseover=x)");
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    }

    #[test]
    fn hidden_comments_vanish_and_the_few_tags_stay() {
        let html = shown("<details><summary>More</summary>\n\n- x<br>y <!-- t:12 -->z\n\n</details>");
        assert!(html.contains("<details><summary>More</summary>") && html.contains("</details>"), "{html}");
        assert!(html.contains("x<br>y z") && !html.contains("t:12"), "{html}");
        let picture =
            shown("<details><summary>Graph</summary>\n\n```mermaid\ngraph LR\n  t1[\"#1 a\"]:::b\n```\n\n</details>");
        assert!(!shown("```mermaid\ngraph LR\n  t1[\"<script>\"]:::x\n```").contains("<script"));
        assert!(picture.contains("<svg") && !picture.contains(":::") && picture.contains("</details>"), "{picture}");
        assert!(shown("```mermaid\npie\n```").contains("<pre><code>pie\n</code></pre>"));
        assert!(!shown("<!-- marker:v1\n{}\n-->\ntext").contains("marker"));
    }

    #[test]
    fn boxes_act_under_the_index_the_world_counts() {
        let text = "```\n- [ ] code\n```\n- [ ] one\n- [x] two #12\n";
        let html = shown(text);
        assert!(html.contains("value=\"0:on:") && html.contains("value=\"1:off:"), "{html}");
        assert!(html.contains("<a href=\"/o/r/issues/12\">#12</a>"), "{html}");
        let only_shown = render(text, Setting { issues: "/", tick_form: None }).into_string();
        assert!(!only_shown.contains("<button"), "{only_shown}");
        let at = boxes(text);
        assert_ne!(line_mark(text, at[0]), line_mark(text, at[1]));
        assert_eq!(line_mark(text, at[0]), line_mark(&text.replace("[ ] one", "[x] one"), at[0]));
    }

    #[test]
    fn references_stand_apart_from_words() {
        let html = shown("see #7, a#8 and `#9` and #10x #");
        assert!(html.contains("issues/7\"") && !html.contains("issues/8") && !html.contains("issues/9"), "{html}");
        assert!(!html.contains("issues/10") && html.contains("a#8") && html.contains("#10x #"), "{html}");
    }
}
