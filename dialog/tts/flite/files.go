package flite

import (
	"io"
	"io/fs"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// maxFile bounds what an instance may write: far above the longest piece.
const maxFile = 8 << 20

// files is the file system of one instance: two files in memory, so that no
// word and no audio touches a disk.
type files struct {
	experimentalsys.UnimplementedFS
	text, wave content
}

// content is the bytes of one file, whoever has it open.
type content struct{ data []byte }

// OpenFile opens the text, the wave, or the folder of both.
func (f *files) OpenFile(path string, flag experimentalsys.Oflag, _ fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	var c *content
	switch path {
	case ".":
		return &folder{}, 0
	case textFile:
		c = &f.text
	case waveFile:
		c = &f.wave
	default:
		return nil, experimentalsys.ENOENT
	}
	if flag&experimentalsys.O_TRUNC != 0 {
		c.data = nil
	}
	return &file{content: c}, 0
}

// folder is the open root: the command looks its files up in it.
type folder struct {
	experimentalsys.UnimplementedFile
}

// IsDir reports true.
func (*folder) IsDir() (bool, experimentalsys.Errno) { return true, 0 }

// Stat describes a folder.
func (*folder) Stat() (sys.Stat_t, experimentalsys.Errno) {
	return sys.Stat_t{Nlink: 1, Mode: fs.ModeDir | 0o700}, 0
}

// file is an open file.
type file struct {
	experimentalsys.UnimplementedFile
	content *content
	at      int64
}

// IsDir reports false.
func (*file) IsDir() (bool, experimentalsys.Errno) { return false, 0 }

// Stat describes a regular file.
func (f *file) Stat() (sys.Stat_t, experimentalsys.Errno) {
	return sys.Stat_t{Nlink: 1, Mode: 0o600, Size: int64(len(f.content.data))}, 0
}

// Read reads at the file's position; 0 bytes at the end.
func (f *file) Read(b []byte) (int, experimentalsys.Errno) {
	if f.at >= int64(len(f.content.data)) {
		return 0, 0
	}
	n := copy(b, f.content.data[f.at:])
	f.at += int64(n)
	return n, 0
}

// Write writes at the file's position, growing the file.
func (f *file) Write(b []byte) (int, experimentalsys.Errno) {
	end := f.at + int64(len(b))
	if end > maxFile {
		return 0, experimentalsys.EIO
	}
	if grow := end - int64(len(f.content.data)); grow > 0 {
		f.content.data = append(f.content.data, make([]byte, grow)...)
	}
	f.at += int64(copy(f.content.data[f.at:], b))
	return len(b), 0
}

// offset64 is int64 by a name that tells `go vet` that Seek is wazero's and not
// a misspelt io.Seeker's.
type offset64 = int64

// Seek moves the position within the file's bounds.
func (f *file) Seek(offset offset64, whence int) (int64, experimentalsys.Errno) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += int64(len(f.content.data))
	}
	if offset < 0 || offset > maxFile {
		return 0, experimentalsys.EINVAL
	}
	f.at = offset
	return offset, 0
}

// Close does nothing: the content stays with the instance.
func (*file) Close() experimentalsys.Errno { return 0 }
