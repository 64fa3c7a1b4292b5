# Sourced by the other scripts: which server, whose account runs it, and where throwaway things go.
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables for the scripts that source it
PG=${PG:-15}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
# As in the Makefile.
if [[ -z ${PG_CONFIG:-} ]]; then
    PG_CONFIG=/usr/lib/postgresql/$PG/bin/pg_config
    [[ $PG == 15 || -e /usr/include/postgresql/$PG/server/postgres.h ]] || PG_CONFIG=$target/servers/$PG/bin/pg_config
fi

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# The account that runs the server, which refuses to run as root.
if ((EUID == 0)); then server_account=postgres; else server_account=$(id -un); fi

# Runs a command as that account, from a directory that it can enter and without the caller's libpq settings.
as_server() {
    local run=(env -u PGDATA -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE -u PGOPTIONS -u PGSERVICE LC_ALL=C.UTF-8 "$@")
    if ((EUID == 0)); then run=(runuser -u "$server_account" -- "${run[@]}"); fi
    (cd / && "${run[@]}")
}

# own_directory DIR [MODE]: makes it, or refuses what somebody else could have put there or could change.
own_directory() {
    local dir=$1 mode=${2:-0755}
    mkdir -m "$mode" "$dir" 2>/dev/null || true
    [[ -d $dir && ! -L $dir && -O $dir && -z $(find "$dir" -maxdepth 0 -perm /022) ]] ||
        die "$dir: not a directory of $(id -un) that nobody else can write to; remove it, or set TMPDIR"
}

# Prints the directory for the server tree and the clusters of this checkout and this user. Not in the checkout: the
# server's account may not be able to enter that. Socket paths end at 107 bytes, so a long TMPDIR is passed over.
work_dir() {
    local base dir
    for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
        if ((${#base} <= 40)) && [[ $base == /* && -w $base ]] && as_server test -x "$base"; then
            dir=${base%/}/pg_acctexport-$EUID-$(printf %s "$root" | sha256sum | cut -c 1-8)
            own_directory "$dir"
            printf '%s\n' "$dir"
            return
        fi
    done
    die "no directory for temporary files that $server_account can enter: set TMPDIR"
}

# unpack DIR PACKAGE...: what these Debian packages and the libraries that this machine lacks have in them, below DIR;
# nothing is installed and no service starts. Done once, by whatever user.
unpack() {
    local dir=$1; shift
    mkdir -p "$dir"
    exec {unpacking}>"$dir.lock"
    flock "$unpacking"
    if [[ $(cat "$dir/unpacked" 2>/dev/null) != "$*" ]]; then
        local work
        work=$(mktemp -d "$dir/new.XXXXXX")
        # Lists of one's own where the machine's are missing or too old.
        (download "$work" "$@") || {
            mkdir -p "$work/lists/partial"
            apt-get -q -o APT::Sandbox::User=root -o "Dir::State::lists=$work/lists" update >&2 &&
                (download "$work" -o "Dir::State::lists=$work/lists" "$@")
        } || die "apt-get could not download: $*"
        local package
        for package in "$work"/*.deb; do
            dpkg -x "$package" "$dir"
        done
        # Nothing is to run as root that a package wants to.
        chmod -R u-s,g-s "$dir"
        rm -rf "$work"
        printf '%s\n' "$*" >"$dir/unpacked"
    fi
    exec {unpacking}>&-
}

# download DIR [OPTION...] PACKAGE...: the packages, and the missing ones among the libraries that they depend on.
download() {
    local apt=(apt-get -q -o APT::Sandbox::User=root) missing
    cd "$1" || return
    shift
    missing=$("${apt[@]}" -o Debug::NoLocking=1 install -s --no-install-recommends "$@" 2>/dev/null |
        awk '$1 == "Inst" && $2 ~ /^lib/ && $3 !~ /^\[/ { print $2 }') || return
    # shellcheck disable=SC2086
    "${apt[@]}" download "$@" $missing >&2
}
