package recorder

import "sidetone/seal"

// CorrectionObject is the key of a note that was made of a take after its call: it lies
// beside what the manifest lists, in a folder that goes with the take's words.
func CorrectionObject(call, take, id string) string {
	return CorrectionFolder(call, take) + id + ".age"
}

// CorrectionFolder is the folder of the notes of a take.
func CorrectionFolder(call, take string) string {
	return "rec/" + call + "/" + take + "/" + correctionFolder
}

// CorrectionKey is the key under which the wrapped identity of one such note lies: it
// has one of its own, so that making it needs no private key. It begins as that of the
// take's words does, and goes with it.
func CorrectionKey(epoch, call, take, id string) string {
	return CorrectionKeys(epoch, call, take) + id + ".age"
}

// CorrectionKeys is what the keys of all notes of a take begin with, in an epoch.
func CorrectionKeys(epoch, call, take string) string {
	return keysFolder + epoch + "/" + call + "/" + take + "-" + string(seal.Text) + "-"
}

const correctionFolder = "corrections/"
