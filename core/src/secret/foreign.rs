//! Words for passwords, secrets and keys in other languages, without accents, as they are written in names.

/// Words of Latin script, one word of a name each.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    // Spanish, Portuguese, Catalan, Galician
    "contrasena", "contrasenya", "contrasinal", "clave", "senha", "palavrapasse", "secreto", "segredo",
    "secreta",
    // French, Italian, Romanian
    "motdepasse", "mdp", "jeton", "parola", "parolachiave", "segreto",
    // German, Dutch
    "passwort", "kennwort", "losungswort", "geheim", "geheimnis", "geheimwort", "zugangscode",
    "zugangsschlussel", "wachtwoord", "toegangscode",
    // Polish, Czech, Slovak, Slovene, Croatian, Serbian
    "haslo", "heslo", "geslo", "lozinka", "zaporka", "sifra", "tajemstvi", "tajne",
    // Swedish, Danish, Norwegian, Icelandic, Finnish, Estonian, Latvian, Lithuanian
    "losenord", "adgangskode", "kodeord", "passord", "lykilord", "salasana", "parool", "salasona", "parole",
    "slaptazodis",
    // Hungarian, Turkish, Albanian, Greek in Latin letters
    "jelszo", "sifre", "fjalekalim", "kodikos", "sinthimatiko",
    // Indonesian, Vietnamese, Esperanto, transcriptions
    "katasandi", "sandi", "matkhau", "pasvorto", "mima", "pasuwado", "bimilbeonho", "parol", "parolj",
];

/// Words in a row.
const ROWS: &[&str] = &[
    "mot de passe",
    "palavra passe",
    "palavra chave",
    "kata sandi",
    "mat khau",
    "parola d ordine",
    "kod dostepu",
];

/// Parts of a word in Latin script that no other word has.
const PARTS: &[&str] = &[
    "contrasena",
    "motdepasse",
    "passwort",
    "kennwort",
    "wachtwoord",
    "losenord",
    "salasana",
    "katasandi",
    "slaptazod",
];

/// Words of other scripts, wherever they stand: some of these are written without spaces.
#[rustfmt::skip]
const SCRIPTS: &[&str] = &[
    "парол", "секрет", "токен", "гасло", "лозинка", "шифр", "құпиясөз",
    "κωδικος", "κωδικοσ", "κωδικός", "συνθηματικ",
    "密码", "密碼", "口令", "密钥", "密鑰", "私钥", "私鑰", "令牌", "秘密", "暗号", "验证码", "驗證碼",
    "パスワード", "パスコード", "トークン", "シークレット", "暗証番号", "秘密鍵", "認証コード", "合言葉",
    "비밀번호", "암호", "패스워드", "토큰", "비밀키", "인증번호",
    "סיסמה", "סיסמא", "كلمةالمرور", "كلمةالسر", "كلمةمرور", "رمزعبور", "گذرواژه", "كلمهعبور", "पासवर्ड",
    "কূটশব্দ", "পাসওয়ার্ড",
    "รหัสผ่าน", "գաղտնաբառ", "პაროლი",
];

/// True if a name in the form that `normalise` gives has one of these words.
pub(super) fn is_secret(form: &str) -> bool {
    let mut words = form.split(' ');
    if words.any(|word| WORDS.contains(&word) || PARTS.iter().any(|part| word.contains(part))) {
        return true;
    }
    if form.contains(' ') && ROWS.iter().any(|row| form.contains(row)) {
        return true;
    }
    let glued: String = form.chars().filter(|letter| *letter != ' ').collect();
    if PARTS.iter().any(|part| glued.contains(part)) {
        return true;
    }
    if form.is_ascii() {
        return false;
    }
    use unicode_normalization::UnicodeNormalization;
    let glued: String = glued.nfc().collect();
    SCRIPTS.iter().any(|word| glued.contains(word) || glued.contains(&word.nfc().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::super::normalise::forms;
    use super::*;

    #[test]
    fn words_of_other_languages() {
        for name in "contraseña contrasena senha mot_de_passe motDePasse MotdePasse Passwort Kennwort wachtwoord hasło heslo parola пароль \
            Пароль_хэш 密码 用户密码 パスワード ログインパスワード 비밀번호 şifre lösenord salasana jelszó mật_khẩu kata_sandi benutzerkennwort \
            κωδικός סיסמה كلمة_المرور รหัสผ่าน mdp geheimnis"
            .split_whitespace()
        {
            assert!(is_secret(&forms(name).0), "{name} {:?}", forms(name).0);
        }
        for name in ["nombre", "correo", "имя", "почта", "名前", "이름", "benutzername", "parolee", "enclave"]
        {
            assert!(!is_secret(&forms(name).0), "{name}");
        }
    }
}
