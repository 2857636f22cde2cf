# shellcheck shell=bash
# What the scripts share: the repository's root, messages, timed steps, stamps. Sourced, never run.
# Does not belong here: anything only one script needs.
# shellcheck disable=SC2034 # the variables are for the scripts that source this

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="$root/.cache"
target=$(cd "$root" && realpath -m "${CARGO_TARGET_DIR:-target}")

# A toolchain installed a minute ago by rustup is not yet on the PATH of this shell.
if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
  PATH="$HOME/.cargo/bin:$PATH"
fi

die() {
  printf '\nerror: %s\n' "$*" >&2
  exit 1
}

# step HEADING COMMAND...: runs the command under a heading and says how long it took; a failure ends the script.
step() {
  local heading=$1 began=$SECONDS status=0
  shift
  printf '\n==> %s\n' "$heading"
  "$@" || status=$?
  if [ "$status" -ne 0 ]; then
    printf '\nFAILED: %s (exit code %s after %s s). The lines above say why.\n' "$heading" "$status" "$((SECONDS - began))" >&2
    exit 1
  fi
  printf '    %s: ok, %s s\n' "$heading" "$((SECONDS - began))"
}

# fingerprint PATH...: one hash over the names and contents of all files below the given paths.
fingerprint() {
  find "$@" \( -name node_modules -o -name dist -o -name __pycache__ \) -prune -o -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

# fresh STAMP HASH: whether the stamp file holds this hash.
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# npm_install FOLDER: npm ci, only when the lock file or Node changed since the last time.
npm_install() {
  local folder=$1 stamp=$1/node_modules/.housewire-stamp hash
  hash="$(sha256sum <"$folder/package-lock.json" | cut -d' ' -f1) $(node --version)"
  if fresh "$stamp" "$hash"; then return 0; fi
  # PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: the tests drive the system's Chromium, never one that a package brings along.
  (cd "$folder" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-fund --no-audit --loglevel=error) || return 1
  mkdir -p "$folder/node_modules"
  printf '%s\n' "$hash" >"$stamp"
}
