package recorder

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sidetone/seal"
)

// spoolBytes makes a spool file of n records in the clear and returns it with
// its cipher and the offset of each record.
func spoolBytes(t testing.TB, n int) (b []byte, c *seal.Cipher, offsets []int) {
	t.Helper()
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	f, err := createSpoolFile(filepath.Join(t.TempDir(), "spool"), id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	defer f.file.Close()
	head := len(f.out)
	for i := range n {
		offsets = append(offsets, len(f.out)-head)
		if !f.add(byte(i%2), int64(i)*100, bytes.Repeat([]byte{byte(i)}, 100+i)) {
			t.Fatal("the file takes no more")
		}
	}
	if _, err := f.flush(); err != nil {
		t.Fatal(err)
	}
	b, err = os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	return b, f.cipher, append(offsets, len(b)-head)
}

// TestSpoolFileRecoversAllBeforeACut cuts a spool file at every byte.
func TestSpoolFileRecoversAllBeforeACut(t *testing.T) {
	whole, c, offsets := spoolBytes(t, 10)
	for cut := range whole {
		_, records, err := parseSpoolHead(bytes.Clone(whole[:cut]))
		if err != nil {
			if !errors.Is(err, ErrSpoolFile) || cut >= len(whole)-offsets[10] {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			continue
		}
		want, clean := 0, false
		for i, at := range offsets[:11] {
			if at <= len(records) {
				want = i
				clean = at == len(records)
			}
		}
		got := 0
		err = parseSpoolRecords(records, c, func(kind byte, pos int64, data []byte) {
			if pos != int64(got)*100 || kind != byte(got%2) || !bytes.Equal(data, bytes.Repeat([]byte{byte(got)}, 100+got)) {
				t.Fatalf("record %d at cut %d: kind %d, position %d, %d bytes", got, cut, kind, pos, len(data))
			}
			got++
		})
		if got != want || (err == nil) != clean || (err != nil && !errors.Is(err, ErrSpoolFile)) {
			t.Fatalf("cut at %d: %d records of %d, %v", cut, got, want, err)
		}
	}
}

func TestSpoolFileTakesNoRecordTwice(t *testing.T) {
	whole, c, offsets := spoolBytes(t, 3)
	_, records, err := parseSpoolHead(whole)
	if err != nil {
		t.Fatal(err)
	}
	first := records[:offsets[1]]
	swapped := bytes.Join([][]byte{first, first, records[offsets[2]:]}, nil)
	var got []int64
	err = parseSpoolRecords(swapped, c, func(_ byte, pos int64, _ []byte) { got = append(got, pos) })
	if !errors.Is(err, ErrSpoolFile) || len(got) != 2 || got[0] != 0 || got[1] != 200 {
		t.Errorf("records %v, %v", got, err)
	}
}

// TestSpoolFileSurvivesAFailingDisk has writes fail, and then succeed.
func TestSpoolFileSurvivesAFailingDisk(t *testing.T) {
	id, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	f, err := createSpoolFile(filepath.Join(t.TempDir(), "spool"), id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	good := f.file
	defer good.Close()
	if f.file, err = os.Open(f.path); err != nil { // for reading alone
		t.Fatal(err)
	}
	added := 0
	for f.add(0, int64(added), make([]byte, 10_000)) {
		added++
		if _, err := f.flush(); err == nil {
			t.Fatal("a file that cannot be written was")
		}
	}
	if err := f.file.Close(); err != nil || added*10_000 > unwritten {
		t.Fatalf("%d records wait, %v", added, err)
	}
	f.file = good
	if _, err := f.flush(); err != nil || !f.add(0, int64(added), nil) {
		t.Fatal("the file takes nothing after it can be written again: ", err)
	}
	if _, err := f.flush(); err != nil {
		t.Fatal(err)
	}
	got := 0
	_, damage, err := f.read(nil, func(byte, int64, []byte) { got++ })
	if got != added+1 || damage != nil || err != nil {
		t.Errorf("%d records of %d: %v, %v", got, added+1, damage, err)
	}
}

func FuzzSpoolFile(f *testing.F) {
	whole, c, offsets := spoolBytes(f, 5)
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add([]byte(spoolMagic))
	_, intact, err := parseSpoolHead(bytes.Clone(whole))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, records, err := parseSpoolHead(bytes.Clone(b))
		if err != nil {
			if !errors.Is(err, ErrSpoolFile) {
				t.Fatal(err)
			}
			return
		}
		given := bytes.Clone(records)
		err = parseSpoolRecords(records, c, func(_ byte, pos int64, data []byte) {
			i := int(pos / 100)
			if !bytes.Contains(given, intact[offsets[i]:offsets[i+1]]) {
				t.Fatalf("record %d was made up", i)
			}
		})
		if err != nil && !errors.Is(err, ErrSpoolFile) {
			t.Fatal(err)
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"segment":{"seq":1,"offset":0,"length":58,"size":300,"sha256":"` + Digest{}.String() + `"}}` + "\n" +
		`{"gap":{"reason":"late","track":0,"at":0,"end":960,"frames":1}}` + "\n" + `{"segm`))
	f.Add([]byte(`{"cut":{"from":96000,"to":192000,"asked":960}}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all := parseJournal(b)
		segments, cuts := all.segments, all.cuts
		for _, c := range cuts {
			if c.Asked > c.From || c.From > c.To {
				t.Fatalf("cut %+v", c)
			}
		}
		for i, g := range segments {
			if g.Seq != i+1 {
				t.Fatalf("segment %d is numbered %d", i+1, g.Seq)
			}
		}
	})
}
