//! Hides the secrets of a URL before it is shown, also of one that no parser accepts.

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Words in the name of a parameter that say that its value is a secret.
const SECRET_WORDS: [&str; 5] = ["password", "secret", "token", "key", "credential"];

/// The text with the password of a URL, and with parameters that sound secret, replaced by `***`.
/// If in doubt, it hides too much.
pub fn hide_secrets(text: &str) -> String {
    let hidden = hide_password(text);
    let Some((before, parameters)) = hidden.split_once('?') else {
        return hidden;
    };
    let parameters: Vec<String> = parameters.split('&').map(hide_parameter).collect();
    format!("{before}?{}", parameters.join("&"))
}

/// A password that is not encoded may contain any character, so it ends at the last `@` only.
fn hide_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once(':') else {
        return text.to_owned();
    };
    let slashes = rest.len() - rest.trim_start_matches('/').len();
    let (slashes, rest) = rest.split_at(slashes.min(2));
    // After three slashes follows a path: there is no place for a password.
    if rest.starts_with('/') {
        return text.to_owned();
    }
    let shown = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            // `user:password@host`, where the part before the colon is no scheme.
            None if slashes.is_empty() => format!("{HIDDEN}@{host}"),
            None => return text.to_owned(),
        },
        None => match rest.split_once(':') {
            Some((host, port)) if is_cut_off(host, port) => format!("{host}:{HIDDEN}"),
            _ => return text.to_owned(),
        },
    };
    format!("{scheme}:{slashes}{shown}")
}

/// Whether `user:password` may stand where `host:port` should, because the host was left out.
fn is_cut_off(host: &str, port: &str) -> bool {
    let number = port.split(['/', '?', '#']).next().unwrap_or_default();
    let is_port = number.bytes().all(|byte| byte.is_ascii_digit());
    !host.contains(['/', '?', '#', '[']) && !is_port
}

fn hide_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}
