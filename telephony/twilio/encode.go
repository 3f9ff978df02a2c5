package twilio

import (
	"encoding/base64"
	"strconv"

	"sidetone/media"
)

// The outbound frames. The stream's id was checked by validSid, so nothing in
// them needs escaping; with room in dst none of them allocates.

func appendMedia(dst []byte, streamSid string, ulaw []byte) []byte {
	dst = append(dst, `{"event":"media","streamSid":"`...)
	dst = append(dst, streamSid...)
	dst = append(dst, `","media":{"payload":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, ulaw)
	return append(dst, `"}}`...)
}

func appendMark(dst []byte, streamSid string, id media.MarkID) []byte {
	dst = append(dst, `{"event":"mark","streamSid":"`...)
	dst = append(dst, streamSid...)
	dst = append(dst, `","mark":{"name":"`...)
	dst = strconv.AppendUint(dst, uint64(id), 10)
	return append(dst, `"}}`...)
}

func appendClear(dst []byte, streamSid string) []byte {
	dst = append(dst, `{"event":"clear","streamSid":"`...)
	dst = append(dst, streamSid...)
	return append(dst, `"}`...)
}

// markID reads the name that appendMark wrote.
func markID(name string) (media.MarkID, bool) {
	n, err := strconv.ParseUint(name, 10, 32)
	return media.MarkID(n), err == nil
}
