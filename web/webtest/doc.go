// Package webtest drives Debian's Chromium for tests: it opens pages, presses
// what a person would press, speaks into their microphone and keeps what they
// hear. A node process (driver.mjs, with playwright-core) does the work.
//
//	b := webtest.Start(t)                                  // one browser a test, or one for all: Main
//	p := b.Open(url, webtest.Options{})                    // one profile a page
//	p.Click("button", "Start")                             // by role and name
//	p.Await("button", "Agree", 5*time.Second)
//	spoken := p.Say(pcm, 16000)                            // returns when it has been said
//	p.AwaitText(".caption", "my name is", 2*time.Second)   // CSS, through shadow trees
//	sound := p.Heard()                                     // what the page has received
//	p.Screenshot("talking")                                // into the artifacts of the test
//	for _, v := range p.Axe() { t.Error(v) }
//	for _, problem := range p.Problems() { t.Error(problem) }
//
// In a subtest, b.In(t).Open opens a page whose failures are the subtest's.
//
// Roles are those of ARIA, names are whole accessible names, and both see
// through open shadow trees. Whatever goes wrong ends the test with a sentence
// and the page's own errors; so all but the waiting for a StartSaying belongs to
// the test's goroutine. The permission for the microphone is Chromium's own, and
// so is the autoplay policy: a page that was not clicked has no sound.
//
// It refuses to be a browser for anything but tests, and to run where node, npm's
// packages (make web) or Chromium are missing: it then fails. Screenshots lie in
// the folder that SIDETONE_SCREENSHOTS names, else in testing.T.ArtifactDir.
//
// A Browser owns the node process and one goroutine that reads its answers;
// cleanup, or Main, ends all three.
package webtest
