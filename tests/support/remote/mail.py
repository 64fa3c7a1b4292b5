"""Sends one mail by smtplib and says how that went (tests/remote_harness_ways.rs): PORT WAY CA-FILE USER PASSWORD TO."""
import smtplib
import ssl
import sys
from email.message import EmailMessage

port, way, authority, user, password, to = sys.argv[1:]
context = ssl.create_default_context(cafile=None if way == "untrusted" else authority)
mail = EmailMessage()
mail["From"], mail["To"], mail["Subject"] = "from@x.example", to, "grüße"
mail.set_content("the text")


def send():
    if way == "tls":
        session = smtplib.SMTP_SSL("127.0.0.1", int(port), timeout=30, context=context)
    else:
        session = smtplib.SMTP("127.0.0.1", int(port), timeout=30)
    with session:
        if way in ("starttls", "untrusted"):
            session.starttls(context=context)
        if password:
            session.login(user, password)
        session.send_message(mail)


def told(code, text):
    return f"{code} {text.decode()}"


try:
    send()
    print("sent")
except smtplib.SMTPRecipientsRefused as error:
    print(told(*error.recipients[to]))
except smtplib.SMTPAuthenticationError as error:
    print(told(error.smtp_code, error.smtp_error))
except smtplib.SMTPNotSupportedError:
    print("no authentication offered")
except ssl.SSLCertVerificationError:
    print("certificate refused")
except ConnectionRefusedError:
    print("refused")
