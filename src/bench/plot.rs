//! Curves as SVG, written as text.

use std::fmt::Write as _;

use super::render::grouped;

/// A line of a plot: its name, and its points from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Places and values.
    pub points: Vec<(u64, u64)>,
}

/// A plot of one or more lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plot {
    /// Its title.
    pub title: String,
    /// What places count.
    pub across: String,
    /// What values count.
    pub up: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Size of the picture, and of the part that has the lines.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 360;
const LEFT: u64 = 110;
const TOP: u64 = 40;
const ACROSS: u64 = 500;
const UP: u64 = 250;
/// Lines on the way from zero to the largest value.
const STEPS: u64 = 4;
/// Places so far apart stand at even distances: else all but the last would fall together.
const FAR_APART: u64 = 50;
const COLOURS: [&str; 4] = ["#1f5fa8", "#c0392b", "#2e8b57", "#7a4fa3"];

impl Plot {
    /// The picture.
    pub fn svg(&self) -> String {
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
        );
        text(&mut out, (LEFT, TOP - 18), "start", &self.title);
        let places = self.places();
        let values = self.lines.iter().flat_map(|line| &line.points);
        let highest = values.map(|point| point.1).max().unwrap_or_default().max(1);
        for step in 0..=STEPS {
            let value = highest.saturating_mul(step).div_euclid(STEPS);
            let y = height(value, highest);
            // Writing to a string cannot fail.
            let _infallible = writeln!(
                out,
                "<path d=\"M{LEFT} {y}H{}\" stroke=\"#dddddd\"/>",
                LEFT + ACROSS
            );
            text(&mut out, (LEFT - 6, y + 4), "end", &grouped(value));
        }
        let across = if self.is_even() {
            format!("{} (at even distances)", self.across)
        } else {
            self.across.clone()
        };
        text(&mut out, (LEFT + ACROSS, HEIGHT - 8), "end", &across);
        text(&mut out, (LEFT, TOP - 4), "start", &self.up);
        for place in &places {
            let x = self.place(*place, &places);
            text(&mut out, (x, TOP + UP + 18), "middle", &grouped(*place));
        }
        for (line, (colour, row)) in self.lines.iter().zip(COLOURS.iter().cycle().zip(0_u64..)) {
            let mut path = String::new();
            for (place, value) in &line.points {
                let (x, y) = (self.place(*place, &places), height(*value, highest));
                let step = if path.is_empty() { "M" } else { "L" };
                let _infallible = write!(path, "{step}{x} {y}");
                let _infallible = writeln!(
                    out,
                    "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
            let _infallible = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            let name = format!("● {}", line.name);
            let at = (LEFT + ACROSS, TOP - 18 + row.saturating_mul(14));
            let shown = if line.name.is_empty() { "" } else { &name };
            coloured(&mut out, at, "end", colour, shown);
        }
        out.push_str("</svg>\n");
        out
    }

    /// All places that a line has a point at, in order.
    fn places(&self) -> Vec<u64> {
        let all = self.lines.iter().flat_map(|line| &line.points);
        let mut places: Vec<u64> = all.map(|point| point.0).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    fn is_even(&self) -> bool {
        let places = self.places();
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return false;
        };
        *first > 0 && last.div_euclid(*first) >= FAR_APART
    }

    /// Where a place stands.
    fn place(&self, place: u64, places: &[u64]) -> u64 {
        let last = places.last().copied().unwrap_or_default();
        let (part, whole) = if self.is_even() {
            let rank = places.iter().take_while(|known| **known < place).count();
            let ranks = places.len().saturating_sub(1);
            (
                u64::try_from(rank).unwrap_or_default(),
                u64::try_from(ranks).unwrap_or_default(),
            )
        } else {
            (place, last)
        };
        let along = u128::from(ACROSS) * u128::from(part);
        let along = along.div_euclid(u128::from(whole.max(1)));
        LEFT + u64::try_from(along).unwrap_or(ACROSS)
    }
}

fn height(value: u64, highest: u64) -> u64 {
    let above = u128::from(UP) * u128::from(value.min(highest));
    let above = above.div_euclid(u128::from(highest.max(1)));
    TOP + UP - u64::try_from(above).unwrap_or(UP)
}

fn text(out: &mut String, at: (u64, u64), anchor: &str, words: &str) {
    coloured(out, at, anchor, "#222222", words);
}

fn coloured(out: &mut String, (x, y): (u64, u64), anchor: &str, colour: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _infallible = writeln!(
        out,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: &[(u64, u64)]) -> Plot {
        Plot {
            title: "a < b".to_owned(),
            across: "jobs".to_owned(),
            up: "bytes".to_owned(),
            lines: vec![Line {
                name: "p99".to_owned(),
                points: points.to_vec(),
            }],
        }
    }

    #[test]
    fn points_stand_where_their_numbers_say() {
        let svg = plot(&[(0, 0), (5, 50), (10, 100)]).svg();
        assert!(svg.contains("d=\"M110 290L360 165L610 40\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("● p99"));
        assert!(svg.contains(">100<") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn places_that_are_far_apart_stand_at_even_distances_and_it_says_so() {
        let svg = plot(&[(1, 100), (10, 100), (8_000, 100)]).svg();
        assert!(svg.contains("d=\"M110 40L360 40L610 40\""), "{svg}");
        assert!(svg.contains("jobs (at even distances)"));
    }

    #[test]
    fn a_plot_of_nothing_is_a_picture_too() {
        assert!(Plot::default().svg().starts_with("<svg"));
    }
}
