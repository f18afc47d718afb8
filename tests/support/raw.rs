//! TCP connection for requests that no HTTP client would send.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Failure, Gateway, Response};

/// Maximum wait for a response. A gateway that waits for the end of an endless request exceeds it.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connection to the gateway that sends exactly the given bytes.
pub struct Raw(TcpStream);

impl Raw {
    /// Connects to the gateway.
    ///
    /// # Errors
    /// Returns an error if the connection is refused.
    pub async fn connect(gateway: &Gateway) -> io::Result<Self> {
        Ok(Self(TcpStream::connect(gateway.base_url().trim_start_matches("http://")).await?))
    }

    /// Sends a remediation without the last `lacking` bytes of its body.
    ///
    /// `lines` are header lines without line ends. They are sent with the headers that describe the body.
    ///
    /// # Errors
    /// Returns an error if the connection is refused or closed.
    pub async fn remediation(gateway: &Gateway, lines: &[&str], body: &str, lacking: usize) -> io::Result<Self> {
        let length = format!("Content-Length: {}", body.len());
        let mut raw = Self::connect(gateway).await?;
        raw.post("/remediate", &[lines, &["Content-Type: application/json", &length]].concat()).await?;
        raw.send(body.as_bytes().get(..body.len() - lacking).unwrap_or_default()).await?;
        Ok(raw)
    }

    /// Sends the head of a POST with these header lines, given without line ends.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn post(&mut self, path: &str, lines: &[&str]) -> io::Result<()> {
        self.head("POST", path, lines).await
    }

    /// Sends the head of a request to the loopback host.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn head(&mut self, method: &str, path: &str, lines: &[&str]) -> io::Result<()> {
        self.head_to("127.0.0.1", method, path, lines).await
    }

    /// Sends the head of a request to `host`, which the gateway sees as the host of the URL.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn head_to(&mut self, host: &str, method: &str, path: &str, lines: &[&str]) -> io::Result<()> {
        let head = [format!("{method} {path} HTTP/1.1"), format!("Host: {host}")];
        let head = head.iter().map(String::as_str);
        let lines: Vec<&str> = head.chain(lines.iter().copied()).chain(["", ""]).collect();
        self.send(lines.join("\r\n")).await
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref()).await
    }

    /// Sends these bytes as one chunk of a chunked body.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(format!("{:x}\r\n", bytes.len())).await?;
        self.send(bytes).await?;
        self.send("\r\n").await
    }

    /// Resets the connection, as a client that crashes does.
    ///
    /// # Errors
    /// Returns an error if it has ended already.
    pub fn reset(self) -> io::Result<()> {
        self.0.set_zero_linger()
    }

    /// Shuts down the sending side and waits until the gateway has processed the request and closed the connection.
    ///
    /// # Errors
    /// Returns an error if the connection stays open for ten seconds.
    pub async fn end(mut self) -> Result<(), Failure> {
        let closed = async {
            // The shutdown fails if the connection was reset, which also closes it.
            let _ = self.0.shutdown().await;
            let _ = self.0.read_to_end(&mut Vec::new()).await;
        };
        Ok(tokio::time::timeout(RESPONSE_TIMEOUT, closed).await.map_err(|_| "the connection stays open")?)
    }

    /// Reads one response, even if the request has not ended.
    ///
    /// # Errors
    /// Returns an error if there is no response within ten seconds.
    pub async fn response(&mut self) -> Result<Response, Failure> {
        self.response_within(RESPONSE_TIMEOUT).await
    }

    /// Reads one response within `time`.
    ///
    /// # Errors
    /// Returns an error if there is no response within `time`.
    pub async fn response_within(&mut self, time: Duration) -> Result<Response, Failure> {
        tokio::time::timeout(time, self.read()).await.map_err(|_| "no answer in time")?
    }

    async fn read(&mut self) -> Result<Response, Failure> {
        let bytes = message(&mut self.0).await?.ok_or("the connection ended before a complete response")?;
        let (head, body) = bytes.split_at(head_of(&bytes).ok_or("no head")?);
        let head = String::from_utf8_lossy(head).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?.parse()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Response { status, headers, body: body.to_vec() })
    }
}

/// Reads one HTTP message with the body that `Content-Length` declares. Returns `None` if the connection ends early.
///
/// # Errors
/// Returns an error if the connection is reset.
pub async fn message(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = head_of(&bytes) {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= end + length.unwrap_or(0) {
                return Ok(Some(bytes));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// Returns the length of a message's head, including the empty line.
fn head_of(bytes: &[u8]) -> Option<usize> {
    Some(bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4)
}
