//! Changes JSON by whole values, so that what comes out is read further than to its first byte.

use std::ops::Range;

/// What a value becomes that is changed on its own: the borders of what we count and date.
const BORDERS: [&str; 28] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "99999999999999999999",
    "1e9",
    "\"\"",
    "\"0\"",
    "\"0.01\"",
    "\"-0.01\"",
    "\"1\"",
    "\"100.00\"",
    "\"92233720368547758.07\"",
    "\"170141183460469231731687303715884105727\"",
    "\"0.000000000001\"",
    "\"33.333333\"",
    "\"1900-01-01\"",
    "\"2026-02-28\"",
    "\"2028-02-29\"",
    "\"2199-12-31\"",
    "\"2026-03-29T01:59:59.999999999Z\"",
    "\"EUR\"",
    "\"JPY\"",
    "\"BHD\"",
    "[]",
    "{}",
];

/// The input with one change; none if it holds no values or would become too long.
pub(crate) fn json(input: &[u8], bytes_max: usize, seed: u32) -> Option<Vec<u8>> {
    let values = values(input);
    let mut chance = seed;
    let mut below = |count: usize| {
        chance = chance.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        usize::try_from(chance >> 8).unwrap_or(0) % count.max(1)
    };
    let one = values.get(below(values.len()))?.clone();
    let other = values.get(below(values.len()))?.clone();
    let changed = match below(8) {
        // Twice as an item of its list; a member twice is a fault of its own and soon known.
        0 | 1 => {
            let mut doubled = input[one.clone()].to_vec();
            doubled.push(b',');
            replaced(input, one.start..one.start, &doubled)
        }
        2 => {
            let comma = input[one.end..].first() == Some(&b',');
            replaced(input, one.start..one.end + usize::from(comma), b"")
        }
        3 | 4 => replaced(input, one, BORDERS[below(BORDERS.len())].as_bytes()),
        5 => {
            // One digit.
            let mut changed = input.to_vec();
            let digits: Vec<usize> = one.filter(|at| input[*at].is_ascii_digit()).collect();
            changed[*digits.get(below(digits.len()))?] = b'0' + u8::try_from(below(10)).ok()?;
            changed
        }
        _ => replaced(input, one, &input[other]),
    };
    (changed.len() <= bytes_max && changed != input).then_some(changed)
}

fn replaced(input: &[u8], range: Range<usize>, by: &[u8]) -> Vec<u8> {
    [&input[..range.start], by, &input[range.end..]].concat()
}

/// Where values stand, found without knowing whether they are good.
fn values(input: &[u8]) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    while at < input.len() {
        let begin = at;
        at += 1;
        match input[begin] {
            b'{' | b'[' => open.push(begin),
            b'}' | b']' => values.extend(open.pop().map(|begin| begin..at)),
            b'"' => {
                while at < input.len() && input[at] != b'"' {
                    at += if input[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(input.len());
                // A name is none.
                if input[at..].iter().find(|byte| **byte != b' ') != Some(&b':') {
                    values.push(begin..at);
                }
            }
            b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                let more = input[at..]
                    .iter()
                    .position(|byte| b",:]} \n\r\t".contains(byte));
                at = more.map_or(input.len(), |more| at + more);
                values.push(begin..at);
            }
        }
    }
    values
}
