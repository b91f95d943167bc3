package relaytest

// PageView is a whole enriched event of another kind, in flattened JSON as Snowplow's
// analytics SDKs write it.
const PageView = `{"app_id":"shop","platform":"web","collector_tstamp":"2024-03-01T10:00:00.000Z","event":"page_view",` +
	`"event_id":"c6ef3124-b53a-4b13-a233-0088f79dcbcb","v_tracker":"js-3.1.0","v_collector":"ssc-2.8.0","v_etl":"enrich-3.8.0",` +
	`"page_url":"https://shop.acme.com/pii_transformation/a-page-with-a-name-that-is-longer-than-others","user_id":null,` +
	`"contexts_com_snowplowanalytics_snowplow_web_page_1":[{"id":"8a3f3d4e-60c6-4bf1-a9d7-5f5a8d3f7a1c"}],` +
	`"event_vendor":"com.snowplowanalytics.snowplow","event_name":"page_view","event_format":"jsonschema","event_version":"1-0-0"}`
