//! Compiler of directives to items.

use std::str::FromStr;

use super::{Item, Pattern};

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut items = Vec::new();
        compile(text, &mut items)?;
        check(&items).map_err(|cause| format!("the time format '{text}' {cause}"))?;
        Ok(Self { text: text.to_owned(), items })
    }
}

fn compile(text: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => {
                let directive = directive(&mut characters);
                compile_directive(&directive, items)?;
            }
            space if space.is_ascii_whitespace() => items.push(Item::Space),
            character => items.push(Item::Text(character)),
        }
    }
    Ok(())
}

/// Returns the letter of a directive, and skips flags of padding and widths: those say how to write, not how to read.
fn directive(characters: &mut std::str::Chars<'_>) -> String {
    let mut directive = String::new();
    for character in characters.by_ref() {
        match character {
            '-' | '_' | '0'..='9' if directive.is_empty() => {}
            ':' | '.' if directive.is_empty() => directive.push(character),
            letter => {
                // A width may follow the point: `%.3f`.
                if letter.is_ascii_digit() && directive == "." {
                    continue;
                }
                directive.push(letter);
                break;
            }
        }
    }
    directive
}

fn compile_directive(directive: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let item = match directive {
        "Y" => Item::Year,
        "y" => Item::YearOfCentury,
        "G" => Item::IsoYear,
        "m" => Item::Month,
        "b" | "B" | "h" => Item::MonthName,
        "q" => Item::Quarter,
        "V" => Item::IsoWeek,
        "d" | "e" => Item::Day,
        "j" => Item::DayOfYear,
        "u" => Item::Weekday,
        "w" => Item::WeekdayFromSunday,
        "a" | "A" => Item::WeekdayName,
        "H" | "k" => Item::Hour,
        "I" | "l" => Item::HourOf12,
        "p" | "P" => Item::HalfOfDay,
        "M" => Item::Minute,
        "S" => Item::Second,
        "f" | "N" | "L" => Item::Fraction,
        ".f" => Item::PointAndFraction,
        "z" | ":z" => Item::Offset,
        "Z" | "Q" | ":Q" => Item::ZoneName,
        "s" => Item::Epoch,
        "%" => Item::Text('%'),
        "n" | "t" => Item::Space,
        "F" => return compile("%Y-%m-%d", items),
        "T" => return compile("%H:%M:%S", items),
        "R" => return compile("%H:%M", items),
        "D" => return compile("%m/%d/%y", items),
        other => return Err(format!("'%{other}' is not a directive that an import reads; docs/import.md lists them")),
    };
    items.push(item);
    Ok(())
}

/// Refuses a pattern without a date, with a component twice, or with a component that is not used.
fn check(items: &[Item]) -> Result<(), String> {
    let count = |kinds: &[Item]| items.iter().filter(|item| kinds.contains(item)).count();
    let has = |kind: Item| count(&[kind]) > 0;
    let groups: [(&str, &[Item]); 13] = [
        ("the year", &[Item::Year, Item::YearOfCentury]),
        ("the year of weeks", &[Item::IsoYear]),
        ("the month", &[Item::Month, Item::MonthName]),
        ("the quarter", &[Item::Quarter]),
        ("the week", &[Item::IsoWeek]),
        ("the day", &[Item::Day]),
        ("the day of the year", &[Item::DayOfYear]),
        ("the weekday", &[Item::Weekday, Item::WeekdayFromSunday, Item::WeekdayName]),
        ("the hour", &[Item::Hour, Item::HourOf12]),
        ("the half of the day", &[Item::HalfOfDay]),
        ("the second", &[Item::Second]),
        ("the fraction", &[Item::Fraction, Item::PointAndFraction]),
        ("the zone", &[Item::Offset, Item::ZoneName]),
    ];
    if let Some((name, _)) = groups.iter().find(|(_, kinds)| count(kinds) > 1) {
        return Err(format!("says {name} twice"));
    }
    let has_date = count(&[Item::Year, Item::YearOfCentury, Item::IsoYear]) > 0;
    let parts_of_date = count(&[Item::Month, Item::MonthName, Item::Quarter, Item::DayOfYear, Item::IsoWeek]);
    let needs: [(bool, &str); 11] = [
        (has(Item::Epoch) || has_date, "says no year"),
        (!(has(Item::Epoch) && (has_date || parts_of_date > 0 || has(Item::Day))), "says an epoch and a date"),
        (
            !(has(Item::Epoch) && count(&[Item::Hour, Item::HourOf12, Item::Minute, Item::Second]) > 0),
            "says an epoch and a time",
        ),
        (!(has(Item::Epoch) && count(&[Item::Offset, Item::ZoneName]) > 0), "says an epoch, which is UTC, and a zone"),
        (parts_of_date <= 1, "says the part of the year in two ways"),
        (has(Item::IsoYear) == has(Item::IsoWeek), "says one of %G and %V, which mean nothing alone"),
        (!has(Item::IsoYear) || count(&[Item::Year, Item::YearOfCentury]) == 0, "says two kinds of year"),
        (!has(Item::Day) || count(&[Item::Month, Item::MonthName]) == 1, "says a day without its month"),
        (has(Item::HourOf12) == has(Item::HalfOfDay), "says one of %I and %p, which mean nothing alone"),
        (!has(Item::Minute) || count(&[Item::Hour, Item::HourOf12]) == 1, "says minutes without hours"),
        (!has(Item::Second) || has(Item::Minute), "says seconds without minutes"),
    ];
    match needs.iter().find(|(is_met, _)| !is_met) {
        Some((_, cause)) => Err((*cause).to_owned()),
        None if count(&[Item::Fraction, Item::PointAndFraction]) > 0 && !has(Item::Second) && !has(Item::Epoch) => {
            Err("says a fraction without seconds".to_owned())
        }
        None => Ok(()),
    }
}
