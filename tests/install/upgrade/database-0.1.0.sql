--
-- PostgreSQL database dump
--


-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: pg_acctexport; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_acctexport WITH SCHEMA public;


--
-- Name: EXTENSION pg_acctexport; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION pg_acctexport IS 'account exports (xlsx, CSV, NDJSON, JSON) under row-level security, as background jobs';


--
-- Name: app; Type: SCHEMA; Schema: -; Owner: old_owner
--

CREATE SCHEMA app;


ALTER SCHEMA app OWNER TO old_owner;

--
-- Name: badge(text); Type: FUNCTION; Schema: app; Owner: old_owner
--

CREATE FUNCTION app.badge(text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$ SELECT upper(left($1, 1)) $_$;


ALTER FUNCTION app.badge(text) OWNER TO old_owner;

--
-- Name: hooks; Type: SERVER; Schema: -; Owner: postgres
--

CREATE SERVER hooks FOREIGN DATA WRAPPER acct_export_webhook OPTIONS (
    url 'http://127.0.0.1:9/hook'
);


ALTER SERVER hooks OWNER TO postgres;

--
-- Name: USER MAPPING public SERVER hooks; Type: USER MAPPING; Schema: -; Owner: postgres
--

CREATE USER MAPPING FOR public SERVER hooks OPTIONS (
    secret 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: logins; Type: TABLE; Schema: app; Owner: old_owner
--

CREATE TABLE app.logins (
    id bigint NOT NULL,
    person bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    device text
);


ALTER TABLE app.logins OWNER TO old_owner;

--
-- Name: my_jobs; Type: VIEW; Schema: app; Owner: postgres
--

CREATE VIEW app.my_jobs AS
 SELECT acct_export_jobs.job_id,
    acct_export_jobs.status
   FROM public.acct_export_jobs;


ALTER TABLE app.my_jobs OWNER TO postgres;

--
-- Name: people; Type: TABLE; Schema: app; Owner: old_owner
--

CREATE TABLE app.people (
    id bigint NOT NULL,
    tenant_id uuid NOT NULL,
    email text,
    name text,
    plan text,
    status text DEFAULT 'active'::text NOT NULL,
    password_hash text,
    reset_code text,
    access_token text,
    api_key text,
    attributes jsonb,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY app.people FORCE ROW LEVEL SECURITY;


ALTER TABLE app.people OWNER TO old_owner;

--
-- Name: people_v; Type: VIEW; Schema: app; Owner: old_owner
--

CREATE VIEW app.people_v WITH (security_invoker='true') AS
 SELECT people.id,
    people.tenant_id,
    people.email,
    people.name,
    app.badge(people.name) AS badge,
    people.plan,
    people.api_key,
    people.created_at
   FROM app.people;


ALTER TABLE app.people_v OWNER TO old_owner;

--
-- Name: plans; Type: TABLE; Schema: app; Owner: old_owner
--

CREATE TABLE app.plans (
    plan text NOT NULL,
    title text NOT NULL
);


ALTER TABLE app.plans OWNER TO old_owner;

--
-- Data for Name: audit; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.audit (id, seq, at, event, job_id, actor, role, tenant, dataset, detail, hash) FROM stdin;
1	1	2026-11-29 08:37:05.970553+00	user.bulk_export.declared	\N	\N	postgres	\N	\N	{"kind": "exempt_column", "object": "app.people.access_token", "reason": "a reference, no token"}	\\x9389b5bc27814ba1985f1e49e5f346c662f522702001f415faf851dc5e80c0db
2	2	2026-11-29 08:37:06.027653+00	user.bulk_export.declared	\N	\N	postgres	\N	\N	{"kind": "exempt_column", "object": "app.people_v.api_key", "reason": "a public key"}	\\xeaf307f9ba6771c188cc8b10a072ccf8d4b75facc2475cc555723b9605cc1a77
3	3	2026-11-29 08:37:06.044904+00	user.bulk_export.declared	\N	\N	postgres	\N	\N	{"kind": "secret_column", "object": "app.logins.device", "reason": "identifies a device"}	\\x5b860dcdb0835f390a61b4ee513f28abd74712bd3aaf9f9b27bba5022ad6cfe7
4	4	2026-11-29 08:37:06.064798+00	user.bulk_export.declared	\N	\N	postgres	\N	\N	{"kind": "secret_name", "object": "reset_code", "reason": "a code that lets in"}	\\x5e8c2964cb5b9b9fb1014ca8ff4891cf4a134f88fa71e3c1a4287b18fd368d0c
5	5	2026-11-29 08:37:06.079304+00	user.bulk_export.declared	\N	\N	postgres	\N	\N	{"kind": "clean_function", "object": "app.badge(text)", "reason": "reads its argument only"}	\\x310ca5ef40e787d4e7d8ec2a96d45d2a2b341ed638e74a546c2b340c8d68b9d0
6	6	2026-11-29 08:37:06.11288+00	user.bulk_export.declared	\N	\N	postgres	\N	\N	{"kind": "shared_table", "object": "app.plans", "reason": "the same for all tenants"}	\\x9fb5507012bbf5c8f44be686c809480146c50ab6dbdd43dd45f04250f144c6ac
7	7	2026-11-29 08:37:06.682937+00	user.bulk_export.policy_set	\N	\N	old_owner	\N	badges	{"max_active": 5, "approve_above": 2, "approver_roles": ["old_approver"], "require_filter": []}	\\xd0510951f7a7068705ed117ae77d52d2e8fe3745fdb7cc5aa6695e18b4651340
8	8	2026-11-29 08:37:06.737412+00	user.bulk_export.template_set	\N	\N	postgres	\N	\N	{"subject": "Export {job} is ready", "template": "completed"}	\\x470dbaf42619562ac4204f7ea42d513cfe0408035ebf0646990d36d9bf28e484
9	9	2026-11-29 08:37:07.489907+00	user.bulk_export.requested	543647c5-0d87-4254-8c83-fc37beac6bf8	ada	old_reader	a0000000-0000-4000-8000-000000000001	people	{"request": {"format": "csv", "reason": "quarterly", "dataset": "people", "include": ["plans"]}}	\\x7f5be86fab066d75474f196d8d2796b8df687888b8bdbb9cb83f56d115a3ad32
10	10	2026-11-29 08:37:07.960785+00	user.bulk_export	543647c5-0d87-4254-8c83-fc37beac6bf8	ada	old_reader	a0000000-0000-4000-8000-000000000001	people	{"file": "people-20261129-083707.csv", "bytes": 434, "files": [{"file": 1, "name": "people-20261129-083707.csv", "rows": 3, "bytes": 393, "error": null, "parts": [{"rows": 3, "fields": ["name", "id", "tenant_id", "email", "plan", "status", "access_token", "attributes", "created_at"], "dataset": "people"}], "sha256": "b204b63d5ea18cc65c84416a0ef47a6a6bc37149b2835e3160add245d672fb9c", "error_code": null}, {"file": 2, "name": "plans-20261129-083707.csv", "rows": 2, "bytes": 41, "error": null, "parts": [{"rows": 2, "fields": ["plan", "title"], "dataset": "plans"}], "sha256": "2a05213bfe538e5ff91f54ed0f431cb3acc1d83b37f0fc0f3d0c71c5be25f9a5", "error_code": null}], "fields": ["name", "id", "tenant_id", "email", "plan", "status", "access_token", "attributes", "created_at"], "format": "csv", "reason": "quarterly", "sha256": "b204b63d5ea18cc65c84416a0ef47a6a6bc37149b2835e3160add245d672fb9c", "include": ["plans"], "options": {}, "anonymise": false, "row_count": 5, "all_tenants": false}	\\x35eb5dd908942d252dfaf789fe07c92209ceac02cc6c18170f51153fe669b31b
11	11	2026-11-29 08:37:08.054795+00	user.bulk_export.downloaded	543647c5-0d87-4254-8c83-fc37beac6bf8	ada	old_reader	a0000000-0000-4000-8000-000000000001	people	{"way": "bytea", "file": 1, "bytes": 393}	\\x86b3bd02bf8a2504e7ecef5a3fda1baef5a35e9c3442113c22e28bd39eeaa577
12	12	2026-11-29 08:37:08.119044+00	user.bulk_export.requested	389a5a69-ea5e-4cbe-bf03-db79081acb8f	ada	old_reader	a0000000-0000-4000-8000-000000000001	badges	{"request": {"format": "ndjson", "dataset": "badges"}}	\\x0275f2975ce9b98f836179b673ad479054a29ad7f472c860c359d63bc19a7956
13	13	2026-11-29 08:38:08.206517+00	user.bulk_export.requested	07a4a0cd-54d0-4ff4-8bb8-cf83452536be	ada	old_reader	a0000000-0000-4000-8000-000000000001	logins	{"request": {"format": "csv", "dataset": "logins"}}	\\x408d1bc118574cba53862880001354053283dba2ed92ff4790f526be8789c2da
14	14	2026-11-29 08:38:08.542477+00	user.bulk_export	07a4a0cd-54d0-4ff4-8bb8-cf83452536be	ada	old_reader	a0000000-0000-4000-8000-000000000001	logins	{"file": "logins-20261129-083808.csv", "bytes": 118, "files": [{"file": 1, "name": "logins-20261129-083808.csv", "rows": 4, "bytes": 118, "error": null, "parts": [{"rows": 4, "fields": ["id", "person", "at"], "dataset": "logins"}], "sha256": "700b87d8b45c7a219f4e78644c581a5010f406922dc8798ffac5537a859b1871", "error_code": null}], "fields": ["id", "person", "at"], "format": "csv", "sha256": "700b87d8b45c7a219f4e78644c581a5010f406922dc8798ffac5537a859b1871", "options": {}, "anonymise": false, "row_count": 4, "all_tenants": false}	\\xb24c246af0ecdd8c86e7917dd862806a30cc09e0fa7a7e736eb96c6a751e5825
15	15	2026-11-29 08:38:09.965827+00	user.bulk_export.requested	d7d8b7e1-7440-4c6d-9f8c-440d4c5aaa8a	ada	old_reader	a0000000-0000-4000-8000-000000000001	people	{"request": {"format": "ndjson", "dataset": "people"}}	\\x073618a35bef8f64a8d68bf61a56264b1c356f1f3782df78e1e7e0cf3a2df01e
16	16	2026-11-29 08:38:09.983697+00	user.bulk_export.requested	ce069531-2dc1-455a-9652-247d8f086dfb	ada	old_reader	a0000000-0000-4000-8000-000000000001	plans	{"request": {"format": "json", "dataset": "plans"}}	\\xaf4dab5af337c024eabbcd073dbcb8dd29eff019c30775091a1331019811e4bf
17	17	2026-11-29 08:38:10.008102+00	user.bulk_export.cancelled	ce069531-2dc1-455a-9652-247d8f086dfb	ada	old_reader	a0000000-0000-4000-8000-000000000001	plans	{}	\\xcfd69ba05114e3eeb90ec523661df28f92173bfef2a5bc935bf0122adf82f31a
18	18	2026-11-29 08:38:10.043537+00	user.bulk_export.requested	766b62d6-b83e-4e2b-b446-f09a9b6b701b	ada	old_reader	b0000000-0000-4000-8000-000000000002	people	{"request": {"format": "csv", "dataset": "people"}}	\\x41af80c696b9891d0d5bbe5dcb6cab43fb4fa62fd4fad7bddf988db9889ba91b
\.


--
-- Data for Name: audit_anchor; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.audit_anchor (only_row, seq, hash) FROM stdin;
\.


--
-- Data for Name: audit_seal; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.audit_seal (seq, hash) FROM stdin;
1	\\x9389b5bc27814ba1985f1e49e5f346c662f522702001f415faf851dc5e80c0db
2	\\xeaf307f9ba6771c188cc8b10a072ccf8d4b75facc2475cc555723b9605cc1a77
3	\\x5b860dcdb0835f390a61b4ee513f28abd74712bd3aaf9f9b27bba5022ad6cfe7
4	\\x5e8c2964cb5b9b9fb1014ca8ff4891cf4a134f88fa71e3c1a4287b18fd368d0c
5	\\x310ca5ef40e787d4e7d8ec2a96d45d2a2b341ed638e74a546c2b340c8d68b9d0
6	\\x9fb5507012bbf5c8f44be686c809480146c50ab6dbdd43dd45f04250f144c6ac
7	\\xd0510951f7a7068705ed117ae77d52d2e8fe3745fdb7cc5aa6695e18b4651340
8	\\x470dbaf42619562ac4204f7ea42d513cfe0408035ebf0646990d36d9bf28e484
9	\\x7f5be86fab066d75474f196d8d2796b8df687888b8bdbb9cb83f56d115a3ad32
10	\\x35eb5dd908942d252dfaf789fe07c92209ceac02cc6c18170f51153fe669b31b
11	\\x86b3bd02bf8a2504e7ecef5a3fda1baef5a35e9c3442113c22e28bd39eeaa577
12	\\x0275f2975ce9b98f836179b673ad479054a29ad7f472c860c359d63bc19a7956
13	\\x408d1bc118574cba53862880001354053283dba2ed92ff4790f526be8789c2da
14	\\xb24c246af0ecdd8c86e7917dd862806a30cc09e0fa7a7e736eb96c6a751e5825
15	\\x073618a35bef8f64a8d68bf61a56264b1c356f1f3782df78e1e7e0cf3a2df01e
16	\\xaf4dab5af337c024eabbcd073dbcb8dd29eff019c30775091a1331019811e4bf
17	\\xcfd69ba05114e3eeb90ec523661df28f92173bfef2a5bc935bf0122adf82f31a
18	\\x41af80c696b9891d0d5bbe5dcb6cab43fb4fa62fd4fad7bddf988db9889ba91b
\.


--
-- Data for Name: dataset; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.dataset (dataset, title, source, key, tenant_column, tenant_setting, created_column, updated_column, status_column, disabled_values, required_roles, authorize, companions, approve_above, approver_roles, require_filter, max_rows, max_active) FROM stdin;
plans	Plans	app.plans	plan	\N	\N	\N	\N	\N	{}	{}	\N	{}	\N	{}	{}	\N	\N
logins	Logins	app.logins	id	\N	\N	at	\N	\N	{}	{}	\N	{}	\N	{}	{}	\N	\N
people	People	app.people	id	tenant_id	\N	created_at	\N	status	{disabled}	{}	\N	{plans}	\N	{}	{}	\N	\N
badges	Badges	app.people_v	id	tenant_id	\N	created_at	\N	\N	{}	{}	\N	{}	2	{old_approver}	{}	\N	5
\.


--
-- Data for Name: declaration; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.declaration (kind, relation, column_name, function, name, definition, reason, declared_by, declared_at) FROM stdin;
exempt_column	app.people	access_token	\N	\N	its name says that it holds a credential or a secret	a reference, no token	postgres	2026-11-29 08:37:05.970115+00
exempt_column	app.people_v	api_key	\N	\N	it comes from app.people.api_key: its name says that it holds a credential or a secret	a public key	postgres	2026-11-29 08:37:06.027541+00
secret_column	app.logins	device	\N	\N	\N	identifies a device	postgres	2026-11-29 08:37:06.044813+00
secret_name	\N	\N	\N	reset_code	\N	a code that lets in	postgres	2026-11-29 08:37:06.064702+00
clean_function	\N	\N	app.badge(text)	\N	e972a066ac44d5bb1a59cdfe98a9bb67a24a769db9aa69eb0674deeca4d9355e	reads its argument only	postgres	2026-11-29 08:37:06.079188+00
shared_table	app.plans	\N	\N	\N	\N	the same for all tenants	postgres	2026-11-29 08:37:06.112777+00
\.


--
-- Data for Name: field; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.field (dataset, field, label, "position", is_default, in_group, on_anonymise, mask, json_path, eligible, expand, keys, labels) FROM stdin;
plans	plan	plan	1	t	\N	keep	none	\N	t	f	\N	\N
plans	title	title	2	t	\N	keep	none	\N	t	f	\N	\N
logins	id	id	1	t	\N	keep	none	\N	t	f	\N	\N
logins	person	person	2	t	\N	keep	none	\N	t	f	\N	\N
logins	at	at	3	t	\N	keep	none	\N	t	f	\N	\N
logins	device	device	4	f	\N	keep	none	\N	f	f	\N	\N
badges	id	id	1	t	\N	keep	none	\N	t	f	\N	\N
badges	tenant_id	tenant_id	2	t	\N	keep	none	\N	t	f	\N	\N
badges	email	email	3	t	\N	redact	none	\N	t	f	\N	\N
badges	name	name	4	t	\N	redact	none	\N	t	f	\N	\N
badges	badge	badge	5	t	\N	keep	none	\N	t	f	\N	\N
badges	plan	plan	6	t	\N	keep	none	\N	t	f	\N	\N
badges	api_key	api_key	7	t	\N	keep	none	\N	t	f	\N	\N
badges	created_at	created_at	8	t	\N	keep	none	\N	t	f	\N	\N
people	access_token	access_token	9	t	\N	keep	none	\N	t	f	\N	\N
people	api_key	api_key	10	f	\N	keep	none	\N	f	f	\N	\N
people	created_at	created_at	12	t	\N	keep	none	\N	t	f	\N	\N
people	email	E-mail	4	t	\N	redact	last4	\N	t	f	\N	\N
people	id	id	2	t	\N	keep	none	\N	t	f	\N	\N
people	password_hash	password_hash	7	f	\N	keep	none	\N	f	f	\N	\N
people	plan	plan	5	t	\N	keep	none	\N	t	f	\N	\N
people	reset_code	reset_code	8	f	\N	keep	none	\N	f	f	\N	\N
people	status	status	6	t	\N	keep	none	\N	t	f	\N	\N
people	tenant_id	tenant_id	3	t	\N	keep	none	\N	t	f	\N	\N
people	name	name	1	t	\N	redact	none	profile.name	t	f	\N	\N
people	attributes	attributes	11	t	\N	keep	none	\N	t	t	{department}	{Department}
\.


--
-- Data for Name: pseudonym_key; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.pseudonym_key (only_row, key) FROM stdin;
t	\\x8e6bf5944fce953fd74cfdb3fd2ad99375c01ebd59a7ddce8b6c36fabcd8c87f
\.


--
-- Data for Name: reference; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.reference (dataset, field, ref_dataset, ref_field) FROM stdin;
people	plan	plans	plan
\.


--
-- Data for Name: template; Type: TABLE DATA; Schema: acct_export; Owner: postgres
--

COPY acct_export.template (name, subject, body) FROM stdin;
completed	Export {job} is ready	\N
\.


--
-- Data for Name: logins; Type: TABLE DATA; Schema: app; Owner: old_owner
--

COPY app.logins (id, person, at, device) FROM stdin;
1	1	2025-02-01 00:00:00+00	S3CR3T-device-1
2	2	2025-02-01 00:00:00+00	S3CR3T-device-2
3	3	2025-02-01 00:00:00+00	S3CR3T-device-3
4	4	2025-02-01 00:00:00+00	S3CR3T-device-4
\.


--
-- Data for Name: people; Type: TABLE DATA; Schema: app; Owner: old_owner
--

COPY app.people (id, tenant_id, email, name, plan, status, password_hash, reset_code, access_token, api_key, attributes, created_at) FROM stdin;
1	b0000000-0000-4000-8000-000000000002	user1@example.com	User 1	free	active	S3CR3T-hash-1	S3CR3T-code-1	ref-1	key-1	{"department": "d1"}	2025-01-02 00:00:00+00
2	a0000000-0000-4000-8000-000000000001	user2@example.com	User 2	free	active	S3CR3T-hash-2	S3CR3T-code-2	ref-2	key-2	{"department": "d2"}	2025-01-03 00:00:00+00
3	b0000000-0000-4000-8000-000000000002	user3@example.com	User 3	pro	active	S3CR3T-hash-3	S3CR3T-code-3	ref-3	key-3	{"department": "d3"}	2025-01-04 00:00:00+00
4	a0000000-0000-4000-8000-000000000001	user4@example.com	User 4	free	disabled	S3CR3T-hash-4	S3CR3T-code-4	ref-4	key-4	{"department": "d4"}	2025-01-05 00:00:00+00
5	b0000000-0000-4000-8000-000000000002	user5@example.com	User 5	free	active	S3CR3T-hash-5	S3CR3T-code-5	ref-5	key-5	{"department": "d5"}	2025-01-06 00:00:00+00
6	a0000000-0000-4000-8000-000000000001	user6@example.com	User 6	pro	active	S3CR3T-hash-6	S3CR3T-code-6	ref-6	key-6	{"department": "d6"}	2025-01-07 00:00:00+00
7	b0000000-0000-4000-8000-000000000002	user7@example.com	User 7	free	active	S3CR3T-hash-7	S3CR3T-code-7	ref-7	key-7	{"department": "d7"}	2025-01-08 00:00:00+00
8	a0000000-0000-4000-8000-000000000001	user8@example.com	User 8	free	active	S3CR3T-hash-8	S3CR3T-code-8	ref-8	key-8	{"department": "d8"}	2025-01-09 00:00:00+00
\.


--
-- Data for Name: plans; Type: TABLE DATA; Schema: app; Owner: old_owner
--

COPY app.plans (plan, title) FROM stdin;
free	Free
pro	Professional
\.


--
-- Name: audit_id_seq; Type: SEQUENCE SET; Schema: acct_export; Owner: postgres
--

SELECT pg_catalog.setval('acct_export.audit_id_seq', 18, true);


--
-- Name: logins logins_pkey; Type: CONSTRAINT; Schema: app; Owner: old_owner
--

ALTER TABLE ONLY app.logins
    ADD CONSTRAINT logins_pkey PRIMARY KEY (id);


--
-- Name: people people_pkey; Type: CONSTRAINT; Schema: app; Owner: old_owner
--

ALTER TABLE ONLY app.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (id);


--
-- Name: plans plans_pkey; Type: CONSTRAINT; Schema: app; Owner: old_owner
--

ALTER TABLE ONLY app.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (plan);


--
-- Name: people by_tenant; Type: POLICY; Schema: app; Owner: old_owner
--

CREATE POLICY by_tenant ON app.people USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid));


--
-- Name: people; Type: ROW SECURITY; Schema: app; Owner: old_owner
--

ALTER TABLE app.people ENABLE ROW LEVEL SECURITY;

--
-- Name: SCHEMA app; Type: ACL; Schema: -; Owner: old_owner
--

GRANT USAGE ON SCHEMA app TO old_reader;
GRANT USAGE ON SCHEMA app TO old_approver;


--
-- Name: TABLE acct_export_audit; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.acct_export_audit TO old_auditor;


--
-- Name: FUNCTION acct_export_register(dataset text, source regclass, key text, tenant_column text, created_column text, updated_column text, status_column text, disabled_values text[], required_roles name[], authorize regproc, title text, companions text[]); Type: ACL; Schema: public; Owner: postgres
--

REVOKE ALL ON FUNCTION public.acct_export_register(dataset text, source regclass, key text, tenant_column text, created_column text, updated_column text, status_column text, disabled_values text[], required_roles name[], authorize regproc, title text, companions text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.acct_export_register(dataset text, source regclass, key text, tenant_column text, created_column text, updated_column text, status_column text, disabled_values text[], required_roles name[], authorize regproc, title text, companions text[]) TO old_owner;


--
-- Name: FOREIGN SERVER hooks; Type: ACL; Schema: -; Owner: postgres
--

GRANT ALL ON FOREIGN SERVER hooks TO old_reader;


--
-- Name: TABLE logins; Type: ACL; Schema: app; Owner: old_owner
--

GRANT SELECT ON TABLE app.logins TO old_reader;


--
-- Name: TABLE people; Type: ACL; Schema: app; Owner: old_owner
--

GRANT SELECT ON TABLE app.people TO old_reader;


--
-- Name: TABLE people_v; Type: ACL; Schema: app; Owner: old_owner
--

GRANT SELECT ON TABLE app.people_v TO old_reader;


--
-- Name: TABLE plans; Type: ACL; Schema: app; Owner: old_owner
--

GRANT SELECT ON TABLE app.plans TO old_reader;


--
-- Name: TABLE acct_export_declarations; Type: ACL; Schema: public; Owner: postgres
--

GRANT SELECT ON TABLE public.acct_export_declarations TO old_auditor;


--
-- PostgreSQL database dump complete
--


