package sim

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Where Debian's packages keep recordings of human speech.
const (
	librivoxDir    = "/usr/share/pocketsphinx/test/data/librivox"
	promptDir      = "/usr/share/asterisk/sounds/en_US_f_Allison"
	promptTextFile = "/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"
)

// Utterance is a recording of a person with what was said.
type Utterance struct {
	Name, Text string
	Phone      []int16 // 8 kHz
	Wide       []int16 // 16 kHz; made from Phone where the recording has 8 kHz
}

// LibriVox returns the five sentences, read by a volunteer, of Debian's package
// pocketsphinx-testdata. The error names the package when it is missing.
func LibriVox() ([]Utterance, error) {
	list, err := os.ReadFile(filepath.Join(librivoxDir, "transcription"))
	if err != nil {
		return nil, missing("pocketsphinx-testdata", err)
	}
	var all []Utterance
	for line := range strings.Lines(string(list)) {
		// <s> the words </s> (file)
		text, name, ok := strings.Cut(strings.TrimSpace(line), " </s> (")
		if !ok {
			return nil, fmt.Errorf("sim: %s: malformed transcription line %q", librivoxDir, line)
		}
		name = strings.TrimSuffix(name, ")")
		u, err := loadUtterance(filepath.Join(librivoxDir, name+".wav"), name, strings.TrimPrefix(text, "<s> "))
		if err != nil {
			return nil, missing("pocketsphinx-testdata", err)
		}
		all = append(all, u)
	}
	return all, nil
}

// Prompts returns named telephone prompts, such as "vm-goodbye", spoken by
// Allison Smith for Asterisk, of Debian's packages asterisk-core-sounds-en-wav
// and asterisk-core-sounds-en. The error names the packages when they are
// missing.
func Prompts(names ...string) ([]Utterance, error) {
	texts, err := promptTexts()
	if err != nil {
		return nil, missing("asterisk-core-sounds-en", err)
	}
	all := make([]Utterance, len(names))
	for i, name := range names {
		text, ok := texts[name]
		if !ok {
			return nil, fmt.Errorf("sim: no prompt is called %q", name)
		}
		all[i], err = loadUtterance(filepath.Join(promptDir, name+".wav"), name, text)
		if err != nil {
			return nil, missing("asterisk-core-sounds-en-wav", err)
		}
	}
	return all, nil
}

// promptTexts reads the "name: text" lines of the list of prompts.
func promptTexts() (map[string]string, error) {
	f, err := os.Open(promptTextFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", promptTextFile, err)
	}
	texts := map[string]string{}
	scan := bufio.NewScanner(z)
	for scan.Scan() {
		if name, text, ok := strings.Cut(scan.Text(), ": "); ok && !strings.HasPrefix(name, ";") {
			texts[name] = text
		}
	}
	return texts, scan.Err()
}

func loadUtterance(path, name, text string) (Utterance, error) {
	clip, err := readClip(path)
	if err != nil {
		return Utterance{}, err
	}
	phone, err := clip.At(sampleRate)
	if err != nil {
		return Utterance{}, fmt.Errorf("sim: %s: %w", path, err)
	}
	wide, err := clip.At(16000)
	if err != nil {
		return Utterance{}, fmt.Errorf("sim: %s: %w", path, err)
	}
	return Utterance{Name: name, Text: text, Phone: phone.PCM, Wide: wide.PCM}, nil
}

func missing(debianPackage string, err error) error {
	return fmt.Errorf("sim: recorded speech comes with Debian's package %s (apt-get install %[1]s): %w", debianPackage, err)
}
