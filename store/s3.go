package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
)

// The deadlines of one operation. What outlives them is the caller's to try
// again: the recorder's uploader does so for as long as its spool has room.
const (
	connectTimeout = 2 * time.Second
	attemptTimeout = 10 * time.Second
	slowest        = 8 << 10 // bytes a second on a line over which objects are put: so much longer may an attempt take
	attempts       = 3       // the first and two more
	retryBackoff   = 2 * time.Second
)

// DialFunc opens a connection; it has the shape of net.Dialer.DialContext.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// S3Options say which bucket to use and how to reach it.
type S3Options struct {
	Endpoint        string // base URL; empty is AWS itself
	Region          string // default us-east-1
	Bucket          string
	Prefix          string // put before every key, with a slash between
	KeysBucket      string // holds the keys that begin with keys/; empty: Bucket does
	AccessKeyID     string // empty: the SDK's own chain (environment, profile, instance role)
	SecretAccessKey string
	PathStyle       bool // bucket in the path, not in the host name
	// ChecksumWhenRequired keeps the SDK from adding checksums of its own, which
	// some compatible stores refuse. Put sends its SHA-256 all the same.
	ChecksumWhenRequired bool
	CAFile               string // PEM; further certificates that the endpoint's may be signed by
	SSE                  string // by which Put has the store encrypt: AES256 or aws:kms; empty: by its own choice
	SSEKeyID             string // of aws:kms; empty: the store's own
	// CreateBucket makes the buckets if they are missing, when opened.
	CreateBucket bool
	// Sync, when set, makes durable what the store has acknowledged; Put and
	// Delete report success only after it.
	Sync func(context.Context) error
	// DialContext, when set, opens all connections, and no proxy is used.
	DialContext DialFunc
	// Transport, when set, carries all requests in place of our own transport.
	Transport http.RoundTripper
	Metrics   *Metrics // nil: not registered anywhere
}

// Objects is one bucket of an S3 object store, below a prefix, or two: one for what
// opens recordings and one for all else. Its methods may
// be called from any goroutine.
type Objects struct {
	client  *s3.Client
	bucket  string
	prefix  string   // empty, or ends in a slash
	keys    *Objects // those of keysFolder, in a bucket of their own; nil: they lie here
	sse     types.ServerSideEncryption
	sseKey  string
	sync    func(context.Context) error
	metrics *Metrics
}

// keysFolder is where wrapped keys lie: what opens recordings.
const keysFolder = "keys/"

// of returns the bucket in which a key lies, or the keys with a prefix.
func (o *Objects) of(key string) *Objects {
	if o.keys != nil && strings.HasPrefix(key, keysFolder) {
		return o.keys
	}
	return o
}

// OpenS3 prepares the use of a bucket. It reaches for the network only with
// CreateBucket or when credentials have to be found; Check tells whether the
// bucket answers.
func OpenS3(ctx context.Context, o S3Options) (*Objects, error) {
	if o.Bucket == "" {
		return nil, errors.New("store: open s3: no bucket named")
	}
	if o.Endpoint != "" {
		// An endpoint with user information would end up in error texts.
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.User != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, errors.New("store: open s3: endpoint is not a plain http or https URL")
		}
	}
	cfg, err := awsConfig(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("store: open s3: %w", err)
	}
	client, err := clientOptions(o)
	if err != nil {
		return nil, fmt.Errorf("store: open s3: %w", err)
	}
	objects := &Objects{
		client:  s3.NewFromConfig(cfg, client),
		bucket:  o.Bucket,
		sse:     types.ServerSideEncryption(o.SSE),
		sseKey:  o.SSEKeyID,
		sync:    o.Sync,
		metrics: o.Metrics,
	}
	if p := strings.Trim(o.Prefix, "/"); p != "" {
		objects.prefix = p + "/"
	}
	if objects.sync == nil {
		objects.sync = func(context.Context) error { return nil }
	}
	if objects.metrics == nil {
		objects.metrics = NewMetrics(nil)
	}
	if o.KeysBucket != "" && o.KeysBucket != o.Bucket {
		keys := *objects
		keys.bucket, objects.keys = o.KeysBucket, &keys
	}
	for _, bucket := range []*Objects{objects, objects.keys} {
		if o.CreateBucket && bucket != nil {
			if err := bucket.createBucket(ctx); err != nil {
				return nil, err
			}
		}
	}
	return objects, nil
}

// awsConfig returns fixed credentials, or those that the SDK finds by itself.
func awsConfig(ctx context.Context, o S3Options) (aws.Config, error) {
	region := o.Region
	if region == "" {
		region = "us-east-1"
	}
	if o.AccessKeyID == "" {
		return config.LoadDefaultConfig(ctx, config.WithRegion(region))
	}
	return aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey, ""),
	}, nil
}

func clientOptions(o S3Options) (func(*s3.Options), error) {
	transport := o.Transport
	if transport == nil {
		own := newTransport(o.DialContext)
		if o.CAFile != "" {
			roots, err := rootsWith(o.CAFile)
			if err != nil {
				return nil, err
			}
			own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
		}
		transport = own
	}
	return func(c *s3.Options) {
		if o.Endpoint != "" {
			c.BaseEndpoint = &o.Endpoint
		}
		c.UsePathStyle = o.PathStyle
		c.Logger = logging.Nop{}
		c.DisableLogOutputChecksumValidationSkipped = true
		if o.ChecksumWhenRequired {
			c.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			c.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
		c.HTTPClient = &http.Client{
			Transport: transport,
			Timeout:   attemptTimeout,
			// A redirect would send a signed request elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		c.Retryer = retry.AddWithErrorCodes(retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = attempts
			r.MaxBackoff = retryBackoff
			// The SDK's quota would stop retries of healthy keys in an outage; the
			// outer loop has its own pace.
			r.RateLimiter = ratelimit.None
			r.Retryables = append(r.Retryables, retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{429: {}}})
		}), "ConditionalRequestConflict", "OperationAborted")
	}, nil
}

// rootsWith returns the certificates that this machine trusts, and those of a file.
func rootsWith(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return roots, nil
}

// patient gives an attempt the time in which a slow line takes n bytes. Otherwise
// what has gathered in an outage would never get over one: uploads that share it
// would all run out of time, again and again.
func patient(n int) func(*s3.Options) {
	return func(c *s3.Options) {
		if h, ok := c.HTTPClient.(*http.Client); ok {
			longer := *h
			longer.Timeout += time.Duration(n) * time.Second / slowest
			c.HTTPClient = &longer
		}
	}
}

// newTransport returns a transport that dials with dial, or over the network
// with our connect timeout.
func newTransport(dial DialFunc) *http.Transport {
	t := &http.Transport{
		DialContext:         dial,
		TLSHandshakeTimeout: connectTimeout,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	if dial == nil {
		t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}
