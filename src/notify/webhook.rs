//! The request that tells a webhook: a CloudEvent, signed.

use super::event::cloud_event;
use super::prepared::PreparedMessage;
use super::signature::sign;
use super::{Message, SendError, Sent};
use crate::error::{Error, Kind, Result};
use crate::foreign_server::{self, Server};
use crate::network::{errors, tls};
use crate::pg::catalog;
use reqwest::header::CONTENT_TYPE;
use reqwest::{redirect, Certificate, Client, StatusCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONNECT_TIMEOUT: u32 = 5;
const REQUEST_TIMEOUT: u32 = 15;

struct Hook {
    url: String,
    sslrootcert: Option<String>,
    connect_timeout: Duration,
    request_timeout: Duration,
    secret: String,
    id: String,
    body: Vec<u8>,
}

pub fn pack(message: &Message, server: &Server) -> std::result::Result<PreparedMessage, SendError> {
    let secrets = foreign_server::credentials_of_all(server, message.requested_by)?;
    let secret = secrets.as_ref().and_then(|secrets| secrets.get("secret")).ok_or_else(|| {
        let error = Error::new(Kind::InvalidAuthorization, "no secret is set to sign the event");
        SendError::for_good(
            error.hint("Set it with CREATE USER MAPPING FOR PUBLIC SERVER ... OPTIONS (secret '...')."),
        )
    })?;
    let seconds = |name: &str, default: u32| Duration::from_secs(server.number(name, default).into());
    let hook = Hook {
        url: server.option("url").unwrap_or_default().to_owned(),
        sslrootcert: server.option("sslrootcert").map(str::to_owned),
        connect_timeout: seconds("connect_timeout", CONNECT_TIMEOUT),
        request_timeout: seconds("request_timeout", REQUEST_TIMEOUT),
        secret: secret.to_owned(),
        id: message.id.clone(),
        body: cloud_event(message, &catalog::database_name()).to_string().into_bytes(),
    };
    let limit = hook.connect_timeout + hook.request_timeout + Duration::from_secs(1);
    Ok(PreparedMessage { post: Box::new(move || hook.post()), limit })
}

impl Hook {
    fn post(self) -> Sent {
        let unusable = |_| SendError::for_now(Error::new(Kind::Io, "could not set up the network"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unusable)?;
        let sent = runtime.block_on(self.request());
        // Not to wait for a name that is still looked up.
        runtime.shutdown_background();
        sent
    }

    async fn request(self) -> Sent {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let signature = sign(&self.secret, &self.id, timestamp, &self.body).map_err(SendError::for_good)?;
        let response = self
            .client()?
            .post(&self.url)
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(self.body)
            .send()
            .await;
        match response {
            Ok(response) => answered(response.status()),
            Err(error) if error.is_timeout() => Err(SendError::for_now(super::unanswered())),
            Err(error) if error.is_builder() => {
                Err(SendError::for_good(Error::new(Kind::FdwError, "invalid URL of the webhook")))
            }
            Err(error) => Err(SendError::for_now(errors::of(&error, "webhook"))),
        }
    }

    fn client(&self) -> Result<Client> {
        tls::ready();
        let mut builder = Client::builder()
            .user_agent(concat!("pg_acctexport/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout);
        if let Some(path) = &self.sslrootcert {
            let certificates =
                Certificate::from_pem_bundle(&tls::roots(path)?).map_err(|_| tls::no_roots())?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map_err(|_| Error::new(Kind::FdwError, "could not set up TLS"))
    }
}

/// By the answer's status: what the receiver will not take at another time either is given up.
fn answered(status: StatusCode) -> Sent {
    if status.is_success() {
        return Ok(());
    }
    let error = Error::new(Kind::FdwError, format!("the webhook answered with status {}", status.as_u16()));
    let later = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    Err(match status.is_redirection() {
        true => {
            SendError::for_good(error.hint("Redirects are not followed. Set option url to the final URL."))
        }
        false => SendError { error, is_final: !later },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let final_of =
            |code| answered(StatusCode::from_u16(code).unwrap()).map_err(|send_error| send_error.is_final);
        for code in [200, 202, 204] {
            assert_eq!(final_of(code), Ok(()), "{code}");
        }
        for code in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(final_of(code), Err(false), "{code}");
        }
        for code in [301, 307, 400, 401, 404, 410, 413] {
            assert_eq!(final_of(code), Err(true), "{code}");
        }
    }
}
