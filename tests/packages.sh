#!/bin/sh
# Installs what the browser and PostgreSQL tests need, if this user may; says so if not.
wanted=""
command -v chromium >/dev/null 2>&1 || wanted="$wanted chromium fonts-dejavu"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted="$wanted postgresql"
[ -z "$wanted" ] && exit 0
root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
if command -v apt-get >/dev/null 2>&1 && $root true 2>/dev/null; then
  echo "installing$wanted"
  export DEBIAN_FRONTEND=noninteractive
  $root apt-get update -qq >/dev/null 2>&1
  # shellcheck disable=SC2086
  $root apt-get install -y -qq --no-install-recommends $wanted >/dev/null 2>&1 && exit 0
fi
echo "could not install$wanted: the tests that need them will be skipped"
