package moonshine

import "slices"

// A model of this kind can fall into saying the same few tokens for ever. A
// group of at most longestLoop tokens that repeats is taken for that when it
// runs into the token limit, or when it repeats more often than people do.
const (
	longestLoop   = 16
	loopAtLimit   = 3
	loopElsewhere = 8
)

// unloop keeps one turn of each loop. What was cut at the limit of tokens can
// end in the middle of a loop. Digits never loop: people do say 000000.
func (m *model) unloop(d decoded) []int64 {
	kept := slices.Clone(d.tokens)
	for i := 0; i < len(kept); i++ {
		for n := 1; n <= longestLoop && i+2*n <= len(kept); n++ {
			turns := repeats(kept[i:], n)
			end := i + turns*n
			rest := len(kept) - end
			atLimit := d.cut && rest < n && slices.Equal(kept[end:], kept[i:i+rest])
			if turns >= loopElsewhere && !m.digits(kept[i:i+n]) || turns >= loopAtLimit && atLimit {
				if atLimit {
					end = len(kept)
				}
				kept = slices.Delete(kept, i+n, end)
			}
		}
	}
	return kept
}

// repeats counts how often the first n tokens come in a row.
func repeats(tokens []int64, n int) int {
	turns := 1
	for end := 2 * n; end <= len(tokens) && slices.Equal(tokens[:n], tokens[end-n:end]); end += n {
		turns++
	}
	return turns
}

// digits says whether tokens spell nothing but digits.
func (m *model) digits(tokens []int64) bool {
	for _, t := range tokens {
		if int(t) >= len(m.vocabulary) {
			return false
		}
		for _, c := range m.vocabulary[t] {
			if c != ' ' && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}
