//! HTTP/1.1 as far as a receiver of requests needs it.

use std::io::{self, BufRead, Write};

/// A request without its body.
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Every byte up to the body.
    pub raw: Vec<u8>,
}

impl RequestHead {
    /// The next one of a connection; nothing where that has ended.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut raw = Vec::new();
        while !raw.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut raw)? == 0 {
                return if raw.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        let text = String::from_utf8_lossy(&raw);
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (first.next(), first.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(header).collect();
        Ok(Some(Self { method, target, headers, raw }))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Hands the body on as it comes, bytes of a chunked one's framing included.
    pub fn body(
        &self,
        from: &mut impl BufRead,
        mut to: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.ends_with("chunked")) {
            loop {
                let mut line = Vec::new();
                from.read_until(b'\n', &mut line)?;
                let size = String::from_utf8_lossy(&line);
                let size = u64::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
                let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
                to(&line)?;
                copy(from, size + 2, &mut to)?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
        let size = self.header("content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
        copy(from, size, &mut to)
    }
}

fn copy(
    from: &mut impl BufRead,
    mut size: u64,
    to: &mut impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    while size > 0 {
        let there = from.fill_buf()?;
        if there.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = there.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        to(&there[..taken])?;
        from.consume(taken);
        size -= taken as u64;
    }
    Ok(())
}

/// The last answer of a connection.
pub fn answer(to: &mut impl Write, status: u16, body: &str) -> io::Result<()> {
    let size = body.len();
    let kind = if body.starts_with('<') { "application/xml" } else { "text/plain" };
    write!(
        to,
        "HTTP/1.1 {status} Told\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}"
    )?;
    to.flush()
}
