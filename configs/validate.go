package configs

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faults collects what is wrong, each with its path and reason, and without
// the value, which may be a secret in the wrong place.
type faults []error

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// check adds the reason unless ok holds.
func (f *faults) check(ok bool, path, reason string) {
	if !ok {
		f.add(path, "%s", reason)
	}
}

// pair checks that both of two keys are set or none.
func (f *faults) pair(a, b bool, pathA, pathB string) {
	f.check(a == b, pathA, "must be set together with "+pathB)
}

// Validate reports everything that is wrong with the configuration, joined.
func (c *Config) Validate() error {
	var f faults
	for _, s := range settings(c) {
		if enum, ok := s.value.Interface().(interface{ choices() []string }); ok {
			choices := enum.choices()
			f.check(slices.Contains(choices, s.value.String()), s.path,
				"must be one of "+strings.Trim(fmt.Sprintf("%q", choices), "[]"))
		}
	}
	f.check(c.DataDir != "", "data_dir", "must not be empty")
	f.check(c.Consent.Jurisdictions != "", "consent.jurisdictions", "must not be empty")
	c.validateServer(&f)
	c.validateTwilio(&f)
	c.validateWeb(&f)
	c.validateCalls(&f)
	c.validateSpeech(&f)
	c.validateStorage(&f)
	c.validateWebhooks(&f)
	return errors.Join(f...)
}

func (c *Config) validateServer(f *faults) {
	s := c.Server
	f.check(isAddress(s.Listen), "server.listen", "must be host:port or :port")
	f.check(isAddress(s.AdminListen), "server.admin_listen", "must be host:port or :port")
	if isAddress(s.AdminListen) && !isLoopbackAddress(s.AdminListen) && s.AdminToken == "" && s.AdminTokenFile == "" {
		f.add("server.admin_token", "must be set, since server.admin_listen can be reached from other machines")
	}
	if s.PublicURL != "" {
		u, err := plainURL(s.PublicURL)
		f.check(err == nil && (u.Path == "" || u.Path == "/"), "server.public_url",
			"must be an http or https URL of scheme and host alone")
	}
	if s.AdminURL != "" {
		u, err := plainURL(s.AdminURL)
		f.check(err == nil && (u.Path == "" || u.Path == "/"), "server.admin_url", "must be an http or https URL of scheme and host alone")
	}
	f.pair(s.TLSCertFile != "", s.TLSKeyFile != "", "server.tls_cert_file", "server.tls_key_file")
	for i, proxy := range s.TrustedProxies {
		_, errPrefix := netip.ParsePrefix(proxy)
		_, errAddr := netip.ParseAddr(proxy)
		f.check(errPrefix == nil || errAddr == nil, fmt.Sprintf("server.trusted_proxies[%d]", i),
			"must be an IP address or a prefix such as 10.0.0.0/8")
	}
	f.check(s.LinkLife >= 0, "server.link_life", "must not be negative")
	f.check(s.Drain >= 0, "server.drain", "must not be negative")
	f.check(s.DrainUpload >= 0, "server.drain_upload", "must not be negative")
}

func (c *Config) validateTwilio(f *faults) {
	t := c.Telephony.Twilio
	f.check(t.AccountSID == "" || strings.HasPrefix(t.AccountSID, "AC"),
		"telephony.twilio.account_sid", "must begin with AC")
	f.check(t.APIKeySID == "" || strings.HasPrefix(t.APIKeySID, "SK"),
		"telephony.twilio.api_key_sid", "must begin with SK")
	f.pair(t.APIKeySID != "", t.APIKeySecret != "", "telephony.twilio.api_key_sid", "telephony.twilio.api_key_secret")
	for i, token := range t.AuthTokens {
		f.check(token != "", fmt.Sprintf("telephony.twilio.auth_tokens[%d]", i), "must not be empty")
	}
	u, err := plainURL(t.APIBaseURL)
	if err != nil {
		f.add("telephony.twilio.api_base_url", "%v", err)
	} else if u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
		f.add("telephony.twilio.api_base_url", "must be https, since credentials are sent there")
	}
}

// agentName is the form of an agent's name, which is also a file's name.
var agentName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

const agentNameReason = "must be an agent's name: small letters, digits, - and _"

func (c *Config) validateCalls(f *faults) {
	f.check(c.Limits.Calls >= 1, "limits.calls", "must be at least 1")
	f.check(c.Limits.CallDuration >= Duration(time.Second), "limits.call_duration", "must be at least 1s")
	f.check(c.Agents.Dir != "", "agents.dir", "must not be empty")
	f.check(agentName.MatchString(c.Agents.Default), "agents.default", agentNameReason)
	for _, number := range slices.Sorted(maps.Keys(c.Agents.Numbers)) {
		f.check(number != "", "agents.numbers", "has an empty number")
		f.check(agentName.MatchString(c.Agents.Numbers[number]), join("agents.numbers", number), agentNameReason)
	}
	c.validateLLM(f)
}

// bucketName is the form of a bucket's name, after the rules of Amazon S3.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (c *Config) validateStorage(f *faults) {
	f.check(c.Recorder.SpoolMaxBytes >= 1<<20, "recorder.spool_max_bytes", "must be at least 1MiB")
	s := c.Storage.S3
	if s.Endpoint != "" {
		if _, err := plainURL(s.Endpoint); err != nil {
			f.add("storage.s3.endpoint", "%v", err)
		}
	}
	f.check(s.Region != "", "storage.s3.region", "must not be empty")
	f.check(bucketName.MatchString(s.Bucket), "storage.s3.bucket",
		"must be a bucket's name: 3 to 63 small letters, digits, - and .")
	f.check(s.KeysBucket == "" || bucketName.MatchString(s.KeysBucket), "storage.s3.keys_bucket", "must be a bucket's name, or empty")
	f.check(s.CAFile == "" || strings.HasPrefix(s.Endpoint, "https://"), "storage.s3.ca_file", "needs an https URL in storage.s3.endpoint")
	f.check(s.SSE == SSENone || s.Endpoint != "", "storage.s3.sse", "needs storage.s3.endpoint; the built-in store encrypts nothing, and holds what is sealed")
	f.check(s.SSEKMSKeyID == "" || s.SSE == SSEKMS, "storage.s3.sse_kms_key_id", "needs storage.s3.sse: aws:kms")
	f.pair(s.AccessKeyID != "", s.SecretAccessKey != "", "storage.s3.access_key_id", "storage.s3.secret_access_key")
	f.check(s.Endpoint != "" || s.AccessKeyID == "", "storage.s3.access_key_id",
		"needs storage.s3.endpoint; the built-in store has credentials of its own")
	for i, r := range c.Keys.EscrowRecipients {
		f.check(strings.HasPrefix(r, "age1"), fmt.Sprintf("keys.escrow_recipients[%d]", i),
			"must be an age recipient, which begins with age1")
	}
	f.check(c.Keys.KMSKeyID == "" || len(c.Keys.EscrowRecipients) == 0, "keys.kms_key_id",
		"can not be set together with keys.escrow_recipients: a KMS key has no recipients beside it")
	if c.Keys.KMSEndpoint != "" {
		if u, err := plainURL(c.Keys.KMSEndpoint); err != nil {
			f.add("keys.kms_endpoint", "%v", err)
		} else if u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
			f.add("keys.kms_endpoint", "must be https, since keys of recordings are sent there")
		}
	}
	f.check(c.Keys.ProveEvery > 0, "keys.prove_every", "must be more than 0s")
	if bucket, _, ok := c.Erasures.Bucket(); ok {
		f.check(bucketName.MatchString(bucket), "erasures.location", "must name a bucket, as s3://bucket/prefix")
		f.check(s.Endpoint != "", "erasures.location", "needs storage.s3.endpoint; the built-in store lies in data_dir")
		f.check(bucket != s.Bucket && bucket != s.KeysBucket, "erasures.location", "must not be the bucket of the recordings: a backup brings both back")
	}
	f.check(c.Keys.BackupsKept >= 0, "keys.backups_kept", "must not be negative")
	for _, kept := range []struct {
		class string
		d     Duration
	}{{"audio", c.Retention.Audio}, {"snippets", c.Retention.Snippets}, {"text", c.Retention.Text}} {
		f.check(kept.d == 0 || kept.d >= MinRetention, "retention."+kept.class, "must be at least 1h, or 0s for ever")
	}
}

// warnings are what is allowed and yet seldom meant.
func (c *Config) warnings() []string {
	var w []string
	for _, key := range []struct{ path, url string }{
		{"server.public_url", c.Server.PublicURL},
		{"server.admin_url", c.Server.AdminURL},
		{"llm.base_url", c.LLM.BaseURL},
		{"storage.s3.endpoint", c.Storage.S3.Endpoint},
	} {
		if u, err := url.Parse(key.url); err == nil && u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
			w = append(w, key.path+": plain http to another machine; anyone between can listen")
		}
	}
	if c.Telephony.Twilio.InsecureSkipSignature {
		w = append(w, "telephony.twilio.insecure_skip_signature: anyone can place calls and forge their events")
	}
	if c.Server.AdminToken != "" && len(c.Server.AdminToken) < 16 {
		w = append(w, "server.admin_token: shorter than 16 characters; it can be guessed")
	}
	return slices.Concat(w, c.warnWeb(), c.warnHooks(), c.warnLLM())
}

// plainURL parses an http or https URL without user, query and fragment. Its
// errors do not repeat the text.
func plainURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("must be an http or https URL without user, query and fragment")
	}
	return u, nil
}

func isAddress(address string) bool {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// isLoopbackAddress reports whether only this machine can reach the address.
// An empty host is every interface.
func isLoopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
