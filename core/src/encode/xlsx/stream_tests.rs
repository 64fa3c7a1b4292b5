//! Rows as a stream: blocks, sheets that begin late, callers that fail or leave.

use std::time::{Duration, Instant};

use super::*;

/// A row of about 700 bytes of XML that pack to half.
fn row(number: u64) -> [String; 2] {
    let mut state = number as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (state >> 28) as u8)
    };
    [format!("user.{number}@example.com "), (0..600).map(|_| next()).collect()]
}

/// An encoder that was given so many rows, and what it has written; `out` is emptied as the spool's caller does.
fn begun(compact: bool, rows: u64) -> (Box<Xlsx>, Vec<u8>) {
    let options = XlsxOptions { compact, ..XlsxOptions::default() };
    let mut xlsx = Box::new(Xlsx::new(&options, &text_columns(2), fixture::setup()).unwrap());
    let mut written = Vec::new();
    let mut out = Vec::new();
    xlsx.begin(&mut out).unwrap();
    for number in 0..rows {
        let [mail, long] = row(number);
        xlsx.row(&[Cell::text(&mail), Cell::text(&long)], &mut out).unwrap();
        written.append(&mut out);
    }
    (xlsx, written)
}

fn finished(xlsx: Box<Xlsx>, mut written: Vec<u8>) -> (Vec<u8>, Tally) {
    let tally = xlsx.finish(&fixture::info(), &mut written).unwrap();
    (written, tally)
}

#[test]
fn many_blocks_are_one_sheet() {
    for compact in [false, true] {
        let (xlsx, written) = begun(compact, 3_000);
        assert!(!written.is_empty(), "nothing was written on the way");
        assert!(xlsx.buffer.len() < BLOCK && xlsx.buffer.capacity() <= 2 * BLOCK);
        let (bytes, tally) = finished(xlsx, written);
        assert_eq!((tally.rows, tally.sheets), (3_000, 1));
        let range = open(&bytes).worksheet_range("Users").unwrap();
        assert_eq!(range.get_size(), (3_001, 2));
        for number in [0, 1, 1_234, 2_999] {
            let wanted = row(number).map(Data::String);
            assert_eq!(range.rows().nth(number as usize + 1), Some(&wanted[..]));
        }
        let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
        assert!(!sheet.contains("<dimension") && sheet.contains("<autoFilter ref=\"A1:B3001\"/>"));
        assert_eq!(sheet.contains("<c r=\"A3001\""), !compact);
        // Again: the same bytes, however the threads ran.
        let (xlsx, written) = begun(compact, 3_000);
        assert!(finished(xlsx, written).0 == bytes);
    }
}

#[test]
fn a_sheet_with_too_many_bytes_is_continued() {
    let mut xlsx = Xlsx::new(&XlsxOptions::default(), &text_columns(2), fixture::setup()).unwrap();
    let most = MAX_CELL * 2;
    assert!(xlsx.table.max_bytes + most + (64 << 20) <= u64::from(u32::MAX));
    // Also for the widest of all tables there is room.
    assert!(MAX_SHEET > MAX_COLUMNS as u64 * MAX_CELL);
    xlsx.table.max_bytes = 1_000_000;
    let texts: Vec<[String; 2]> = (0..3_000).map(row).collect();
    let cells: Vec<[Cell<'_>; 2]> = texts.iter().map(|[a, b]| [Cell::text(a), Cell::text(b)]).collect();
    let rows: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
    let (bytes, tally) = fixture::rows(Box::new(xlsx), &rows);
    assert_eq!((tally.rows, tally.sheets), (3_000, 3));
    let mut book = open(&bytes);
    let mut row = 0;
    for (number, sheet) in (1..).zip(["Users", "Users (2)", "Users (3)"]) {
        let range = book.worksheet_range(sheet).unwrap();
        assert_eq!(range.get_value((0, 0)), Some(&Data::String("C0".into())));
        for cells in range.rows().skip(1) {
            assert_eq!(cells[0], Data::String(texts[row][0].clone()));
            row += 1;
        }
        let length = part(&bytes, &format!("xl/worksheets/sheet{number}.xml")).len();
        assert!(length < 1_000_000 + 10_000 && (number == 3 || length > 1_000_000 - 1_000), "{length}");
    }
    assert_eq!(row, 3_000);
}

/// Three sheets of a table that has one row more than two hold, not with a lowered limit.
#[test]
fn as_many_rows_as_excel_takes_and_the_rest() {
    let rows = 2 * u64::from(MAX_DATA_ROWS) + 1;
    let options = XlsxOptions { compact: true, ..XlsxOptions::default() };
    let columns = [column("n", "N", ColumnKind::Int)];
    let mut xlsx = Box::new(Xlsx::new(&options, &columns, fixture::setup()).unwrap());
    let mut bytes = Vec::new();
    xlsx.begin(&mut bytes).unwrap();
    for number in 1..=rows {
        xlsx.row(&[Cell::Int(number as i64)], &mut bytes).unwrap();
    }
    let (bytes, tally) = finished(xlsx, bytes);
    assert_eq!((tally.rows, tally.sheets), (rows, 3));
    let mut book = open(&bytes);
    assert_eq!(book.sheet_names(), ["Users", "Users (2)", "Users (3)", "Export info"]);
    for (first, name, last_row) in
        [(1, "Users", 1_048_575), (1_048_576, "Users (2)", 1_048_575), (2_097_151, "Users (3)", 1)]
    {
        let mut cells = book.worksheet_cells_reader(name).unwrap();
        let (mut count, mut last) = (0, None);
        while let Some(cell) = cells.next_cell().unwrap() {
            let wanted = match count {
                0 => calamine::DataRef::String("N".into()),
                row => calamine::DataRef::Float((first + row - 1) as f64),
            };
            assert_eq!((cell.get_position(), cell.get_value()), ((count as u32, 0), &wanted), "{name}");
            count += 1;
            last = Some(cell.get_position().0);
        }
        assert_eq!(last, Some(last_row), "{name}");
    }
}

/// A row that is larger than all buffers goes out in pieces.
#[test]
fn one_huge_row_takes_no_huge_buffer() {
    let columns = text_columns(300);
    let mut xlsx = Box::new(Xlsx::new(&XlsxOptions::default(), &columns, fixture::setup()).unwrap());
    let text = "<\r>".repeat(10_000);
    let mut out = Vec::new();
    xlsx.begin(&mut out).unwrap();
    xlsx.row(&[Cell::text(&text); 300], &mut out).unwrap();
    assert!(xlsx.handed > 40_000_000, "{}", xlsx.handed);
    assert!(xlsx.buffer.capacity() < 3 * BLOCK, "{}", xlsx.buffer.capacity());
    let (bytes, _) = finished(xlsx, out);
    let range = open(&bytes).worksheet_range("Users").unwrap();
    assert!(range.rows().nth(1).unwrap().iter().all(|cell| *cell == Data::String(text.clone())));
}

/// Threads of encoders in this process, those of other tests included.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("acct_export")).count()
}

#[test]
fn an_encoder_may_be_dropped_at_any_time() {
    let kept = begun(false, 10);
    let deadline = Instant::now() + Duration::from_secs(10);
    // A thread gives itself its name.
    while threads() == 0 {
        assert!(Instant::now() < deadline, "there is no thread");
        std::thread::yield_now();
    }
    for rows in [0, 1, 300, 2_000].repeat(16) {
        drop(begun(false, rows));
    }
    // Of the 64 threads none is left.
    let deadline = Instant::now() + Duration::from_secs(10);
    while threads() > 32 {
        assert!(Instant::now() < deadline, "{} threads are left", threads());
        std::thread::yield_now();
    }
    drop(kept);
}

#[test]
fn a_disk_that_is_full_is_told_as_it_is() {
    let complete = {
        let (xlsx, written) = begun(false, 2_000);
        let on_the_way = written.len();
        (on_the_way, finished(xlsx, written).0.len())
    };
    assert!(complete.0 > 10_000 && complete.1 > complete.0 + 10_000);
    for after in [0, 1_000, complete.0 / 2, complete.0, complete.0 + 1, complete.1 - 1] {
        let (xlsx, written) = begun(false, 2_000);
        let mut sink = Failing(after, || io::Error::from_raw_os_error(28));
        let result = sink.write_all(&written).map_err(Error::from);
        let result = result.and_then(|()| xlsx.finish(&fixture::info(), &mut sink).map(|_| ()));
        assert_eq!(result.unwrap_err().kind, Kind::DiskFull, "{after}");
    }
}

/// Programs that look at the first bytes only take `xl/` there for a workbook.
#[test]
fn the_data_comes_first_and_each_part_once() {
    let (xlsx, written) = begun(false, 2_000);
    let (bytes, _) = finished(xlsx, written);
    let mut archive = ::zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let names: Vec<String> = (0..archive.len())
        .map(|n| String::from_utf8(archive.by_index(n).unwrap().name_raw().to_vec()).unwrap())
        .collect();
    assert_eq!(names[..2], ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"]);
    assert!(names.contains(&"[Content_Types].xml".to_owned()));
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len());
}
