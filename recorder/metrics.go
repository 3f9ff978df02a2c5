package recorder

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the figures of this package.
type Metrics struct {
	spool        atomic.Pointer[Spool]
	takes        prometheus.Gauge
	audioBytes   prometheus.Counter
	segments     prometheus.Counter
	sealSeconds  prometheus.Histogram
	sealErrors   prometheus.Counter
	dropped      *prometheus.CounterVec
	cuts         *prometheus.CounterVec
	snippets     *prometheus.CounterVec
	syncSeconds  prometheus.Histogram
	uploads      *prometheus.CounterVec
	uploadLag    prometheus.Histogram
	recovered    *prometheus.CounterVec
	destroyed    *prometheus.CounterVec
	readSegments *prometheus.CounterVec
	readBytes    *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them with r, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		takes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sidetone_recorder_takes_active", Help: "Takes that are being recorded."}),
		audioBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_recorder_audio_bytes_total", Help: "Audio put on the timeline, before sealing."}),
		segments: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_recorder_segments_total", Help: "Segments sealed."}),
		sealSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sidetone_recorder_seal_seconds", Help: "Time to seal one segment, with its writing to disk.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}),
		sealErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sidetone_recorder_seal_errors_total", Help: "Segments that could not be sealed at once."}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recorder_dropped_frames_total", Help: "Frames and notes that are missing in a recording, by reason."},
			[]string{"reason"}),
		cuts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recorder_cuts_total", Help: "Stretches of calls that were taken back, by whether that reached all that was asked for."},
			[]string{"reach"}),
		snippets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recorder_snippets_total", Help: "Snippets that were asked for, by what has become of them."},
			[]string{"result"}),
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sidetone_spool_sync_seconds", Help: "Time of one sync of the spool's file system.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}),
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_upload_results_total", Help: "Attempts to store an object, by result."},
			[]string{"result"}),
		uploadLag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sidetone_upload_lag_seconds", Help: "Time from the sealing of an object to its verified storage.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 9)}),
		recovered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recorder_recovered_takes_total", Help: "Takes found on the spool that nobody drove, by result."},
			[]string{"result"}),
		destroyed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recorder_destroys_total", Help: "Attempts to destroy a take, by result."},
			[]string{"result"}),
		readSegments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recording_read_segments_total", Help: "Segments that were needed to play recordings, by where they came from."},
			[]string{"from"}),
		readBytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sidetone_recording_read_bytes_total", Help: "Bytes of segments that were fetched, and decrypted, to play recordings."},
			[]string{"stage"}),
	}
	for _, from := range [...]string{"store", "memory"} {
		m.readSegments.WithLabelValues(from)
	}
	for _, stage := range [...]string{"fetched", "decrypted"} {
		m.readBytes.WithLabelValues(stage)
	}
	for _, reason := range [...]GapReason{GapOverflow, GapLate, GapDisk, GapBeyond, GapDamaged} {
		m.dropped.WithLabelValues(string(reason))
	}
	for _, c := range [...]Cut{{Asked: 0}, {From: 1}} {
		m.cuts.WithLabelValues(c.reach())
	}
	for _, result := range [...]string{snippetMade, snippetCut, snippetSilent, snippetLate, snippetError} {
		m.snippets.WithLabelValues(result)
	}
	for _, result := range [...]string{"stored", "error", "conflict", "spoiled"} {
		m.uploads.WithLabelValues(result)
	}
	for _, result := range [...]string{recoveredWhole, recoveredCut, recoveredNot} {
		m.recovered.WithLabelValues(result)
	}
	for _, result := range [...]string{"done", "error"} {
		m.destroyed.WithLabelValues(result)
	}
	if r != nil {
		r.MustRegister(m.takes, m.audioBytes, m.segments, m.sealSeconds, m.sealErrors, m.dropped, m.cuts, m.snippets,
			m.syncSeconds, m.uploads, m.uploadLag, m.recovered, m.destroyed, m.readSegments, m.readBytes,
			m.gauge("sidetone_spool_bytes", "Size of all takes on the spool.",
				func(s *Spool) float64 { return float64(s.Bytes()) }),
			m.gauge("sidetone_spool_max_bytes", "Size of all takes on the spool above which no take begins.",
				func(s *Spool) float64 { return float64(s.maxBytes) }),
			m.shut(shutSpool), m.shut(shutDisk), m.shut(shutUnsynced), m.takesOf("uploading"), m.takesOf("failed"),
			m.gauge("sidetone_spool_oldest_seconds", "How long the oldest sealed object has been waiting for its upload.",
				func(s *Spool) float64 { return s.Oldest().Seconds() }),
			m.gauge("sidetone_spool_doomed_takes", "Takes of which something is left to be destroyed.",
				func(s *Spool) float64 { return float64(s.Doomed()) }),
			m.gauge("sidetone_spool_unsynced_seconds", "How long the oldest write to the spool has been waiting for the disk.",
				func(s *Spool) float64 { return s.Unsynced().Seconds() }))
	}
	return m
}

// watch has the gauges show s.
func (m *Metrics) watch(s *Spool) { m.spool.Store(s) }

// shut shows whether no take can begin for a reason.
func (m *Metrics) shut(reason string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sidetone_spool_shut", Help: "1 while no take can begin for this reason.",
		ConstLabels: prometheus.Labels{"reason": reason}}, func() float64 {
		if s := m.spool.Load(); s != nil && s.shut(reason) {
			return 1
		}
		return 0
	})
}

// takesOf shows how many takes are in a state.
func (m *Metrics) takesOf(state string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sidetone_spool_takes", Help: "Takes on the spool, by what becomes of them.",
		ConstLabels: prometheus.Labels{"state": state}}, func() float64 {
		s := m.spool.Load()
		if s == nil {
			return 0
		}
		waiting, failed := s.uploads.takes()
		if state == "failed" {
			return float64(failed)
		}
		return float64(waiting)
	})
}

// gauge reads the spool when it is scraped, so that it grows while a sync hangs.
func (m *Metrics) gauge(name, help string, value func(*Spool) float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if s := m.spool.Load(); s != nil {
			return value(s)
		}
		return 0
	})
}
