#!/bin/sh
# Installs what the browser and PostgreSQL tests and the extension's checks need, if this user may; says why if not.
wanted=""
command -v chromium >/dev/null 2>&1 || wanted="$wanted chromium fonts-dejavu"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
command -v npm >/dev/null 2>&1 || wanted="$wanted nodejs npm"
[ -z "$wanted" ] && exit 0
root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if ! command -v apt-get >/dev/null 2>&1; then
  echo "there is no apt-get here" >"$said"
elif $root true >"$said" 2>&1; then
  echo "installing$wanted"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  { $root apt-get update -qq; $root apt-get install -y -qq --no-install-recommends $wanted; } \
    >"$said" 2>&1 </dev/null && exit 0
fi
tail -n 15 "$said"
echo "could not install$wanted: the tests that need them will be skipped"
