//! The words of a line: between spaces, or between quotes. `"a"*70000` is that text so many times;
//! `\xx` in a text is a byte.

/// Splits a line into its words, without their quotes.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut rest) = (Vec::new(), line.trim_start());
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (text, after) = quoted.split_once('"').expect("a quote ends");
                repeated(text, after)
            }
            None => {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                (word.to_owned(), after)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

fn repeated<'a>(text: &str, after: &'a str) -> (String, &'a str) {
    let Some(times) = after.strip_prefix('*') else { return (text.to_owned(), after) };
    let end = times.find(' ').unwrap_or(times.len());
    (text.repeat(times[..end].parse().expect("how many times")), &times[end..])
}

/// The bytes of a word.
pub fn bytes(word: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), word.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let hex = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, hex) {
            (b'\\', Some(byte)) => (bytes.push(byte), rest = &after[2..]),
            _ => (bytes.push(*first), rest = after),
        };
    }
    bytes
}

/// Pairs that are written `name=value,name=value`; `~` in place of nothing.
pub fn pairs(word: &str) -> Vec<(String, String)> {
    let pairs = word.split(',').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Bytes as text, each that is no letter as `\xx`.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\5c"),
            32..127 => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\{byte:02x}")),
        }
    }
    text
}
