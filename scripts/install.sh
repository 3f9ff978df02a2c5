#!/usr/bin/env bash
# Installs the Debian packages that are missing.
#
#   scripts/install.sh run     what building and running needs
#   scripts/install.sh test    that, and what the tests need
#
# It says nothing and changes nothing when all is there, also off Debian. Without
# root, or without apt, it names what is missing and stops. Go and npm are not
# installed, since Debian's may be too old; it says so when they are missing.
set -euo pipefail

go_wanted=1.26
node_wanted=20
root=$(cd "$(dirname "$0")/.." && pwd)

# package, and a command or a file that shows that it is there.
run_packages=(
	"ca-certificates /etc/ssl/certs"
	"gcc gcc"
	"libc6-dev /usr/include/stdio.h"
	"libopus-dev /usr/include/opus/opus.h"
	"make make"
	"pkg-config pkg-config"
)
# What the neural voice needs: the program that knows how words are pronounced, and
# what fetches the voice. Without them flite speaks.
voice_packages=(
	"espeak-ng espeak-ng"
	"python3-pip pip3"
)
test_packages=(
	"age age"
	"asterisk-core-sounds-en /usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"
	"chromium chromium"
	"coturn turnserver"
	"asterisk-core-sounds-en-wav /usr/share/asterisk/sounds/en_US_f_Allison"
	"ffmpeg ffmpeg"
	"openssl openssl"
	"postgresql /usr/lib/postgresql"
	"pocketsphinx-testdata /usr/share/pocketsphinx/test/data/librivox"
	"prometheus promtool"
	"sox sox"
)

say() { printf 'install: %s\n' "$*" >&2; }
fail() {
	say "error: $*"
	exit 1
}

# there says whether a command or a file is.
there() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# go_there says whether go is new enough, or fetches what is.
go_there() {
	local have
	command -v go >/dev/null || return 1
	have=$(cd "$root" && go env GOVERSION 2>/dev/null) || return 1
	[ "$(printf '%s\n' "$go_wanted" "${have#go}" | sort -V | head -n 1)" = "$go_wanted" ]
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -- "$@"
	fi
}

# installable says whether missing packages can be installed, maybe after a question.
installable() {
	command -v apt-get >/dev/null || return 1
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; }
}

node_there() {
	local have
	command -v npm >/dev/null && have=$(node --version 2>/dev/null) || return 1
	[ "$(printf '%s\n' "$node_wanted" "${have#v}" | sort -V | head -n 1)" = "$node_wanted" ]
}

case ${1-} in
run) packages=("${run_packages[@]}") ;;
test) packages=("${run_packages[@]}" "${voice_packages[@]}" "${test_packages[@]}") ;;
*) fail "usage: scripts/install.sh run|test" ;;
esac

if [ "$1" = run ]; then
	for entry in "${voice_packages[@]}"; do
		if there "${entry#* }" || installable; then
			packages+=("$entry")
		else
			say "${entry%% *} is missing and cannot be installed: the neural voice is left out, and flite speaks"
		fi
	done
fi

missing=()
for entry in "${packages[@]}"; do
	there "${entry#* }" || missing+=("${entry%% *}")
done

if [ ${#missing[@]} -gt 0 ]; then
	command -v apt-get >/dev/null ||
		fail "missing: ${missing[*]} (names of Debian packages). This is not Debian: install them by hand, then try again"
	installable ||
		fail "missing: ${missing[*]}. Without root they cannot be installed; run: apt-get install --no-install-recommends ${missing[*]}"
	say "installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
	# Of Prometheus only promtool is wanted, of coturn and PostgreSQL the programs: no service on a port.
	for service in prometheus coturn postgresql; do
		if [[ " ${missing[*]} " == *" $service "* ]] && [ -d /run/systemd/system ]; then
			as_root systemctl disable --quiet --now "$service.service"
		fi
	done
	for entry in "${packages[@]}"; do
		there "${entry#* }" || fail "${entry%% *} is installed, but there is no ${entry#* }"
	done
fi

go_there || fail "Go $go_wanted or newer is missing; get it from https://go.dev/dl/"
node_there || fail "Node.js $node_wanted or newer with npm is missing: it builds the widget, and the models come from npm packages; get it from https://nodejs.org/"
