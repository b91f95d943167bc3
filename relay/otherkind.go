package relay

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is skipped on proof only. A name such as "event" proves nothing: messages, change
// records and notifications have one too, and wrap what they carry. Proof is the shape of
// Snowplow's enriched event, together with the absence of any value that could hold
// another event.

// ownEvents are the values that Snowplow gives to the field event of other kinds.
// "unstruct" stands for any kind that has a schema.
var ownEvents = words("ad_impression page_ping page_view struct transaction transaction_item unstruct")

// longFields are the enriched event's fields of text that may be longer than maxHarmless.
var longFields = words(`app_id user_id user_fingerprint domain_userid network_userid page_url page_title page_referrer
	page_urlhost page_urlpath page_urlquery page_urlfragment refr_urlhost refr_urlpath refr_urlquery refr_urlfragment
	refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign mkt_clickid mkt_network
	se_category se_action se_label se_property tr_orderid tr_affiliation tr_city tr_state tr_country
	ti_orderid ti_sku ti_name ti_category name_tracker v_tracker v_collector v_etl geo_region_name geo_city
	ip_isp ip_organization ip_domain ip_netspeed useragent br_name br_family br_version br_renderengine br_lang
	os_name os_family os_manufacturer dvce_type event_vendor event_version event_fingerprint etl_tags refr_domain_userid`)

// maxHarmless is how many bytes of JSON cannot hold a PII transformation event. The name
// of its key or its schema alone is longer, and so are the 130 tabs of an enriched TSV.
const maxHarmless = 64

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}

// isLongField reports whether enriched events have a field of this name and kind that may
// be longer than maxHarmless.
func isLongField(name string, kind jsontext.Kind) bool {
	switch kind {
	case '"':
		return longFields[name]
	case '{':
		return strings.HasPrefix(name, unstructKey) || name == "unstruct_event" || name == "contexts" || name == "derived_contexts"
	case '[':
		return strings.HasPrefix(name, "contexts_")
	default:
		return false
	}
}

// isOther reports whether the object is, without doubt, an enriched event of another kind.
func (f *flatEvent) isOther() bool {
	_, reason := parseTime(string(f.time()))
	name := []byte(f.eventName.text)
	return reason == "" && isUUID(f.eventID.text) && ownEvents[f.event.text] &&
		(len(name) == 0 || namesOther(name)) && (f.otherKind || namesOther([]byte(f.event.text)) || len(name) > 0)
}

func isUUID(s string) bool {
	digits, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil && len(digits) == 16 && len(s) == 36
}

// mentionsPairs reports whether a text names both the kind of event that is looked for and
// the value that it carries. Then it may be one, in a place where none is expected.
func mentionsPairs(text []byte) bool {
	if !containsFold(text, piiName) {
		return false
	}
	return containsFold(text, "originalvalue") || containsFold(text, "original_value")
}

// containsFold finds a word as it is or in any letters. Most texts do not hold it.
func containsFold(text []byte, word string) bool {
	return bytes.Contains(text, []byte(word)) || bytes.Contains(bytes.ToLower(text), []byte(word))
}
