-- People who may sign in to the console. `token_version` grows when every token issued so far has to stop working.
create table users (
    id            uuid        primary key,
    email         text        not null unique check (length(email) between 3 and 254),
    password_hash text        not null,
    role          text        not null check (role in ('admin', 'viewer')),
    disabled      boolean     not null default false,
    token_version integer     not null default 0,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    last_login_at timestamptz
);

-- Keys of programs. Rows stay after a revocation, so that a key from the settings cannot come back by a restart.
create table api_keys (
    id                     text        primary key check (id ~ '^[0-9A-Za-z]{12}$'),
    hash                   bytea       not null check (octet_length(hash) = 32),
    name                   text        check (length(name) between 1 and 100),
    scopes                 text[]      not null check (scopes <@ array['ingest', 'read', 'admin'] and cardinality(scopes) > 0),
    rate_events_per_second integer     check (rate_events_per_second > 0),
    created_at             timestamptz not null default now(),
    created_by             text        not null,
    last_used_at           timestamptz,
    revoked_at             timestamptz
);

create index api_keys_newest on api_keys (created_at desc, id desc);

-- What a person chose in the console.
create table user_settings (
    user_id    uuid        primary key references users (id) on delete cascade,
    settings   jsonb       not null check (octet_length(settings::text) <= 4096),
    updated_at timestamptz not null default now()
);

-- Who changed what, one row a change, written in the change's own transaction.
create table audit_log (
    id         bigint      generated always as identity primary key,
    at         timestamptz not null default now(),
    actor      text        not null check (length(actor) <= 300),
    action     text        not null check (length(action) <= 60),
    subject    text        not null check (length(subject) <= 300),
    detail     text        not null default '' check (length(detail) <= 1000),
    request_id text        not null default '' check (length(request_id) <= 128)
);

create index audit_log_newest on audit_log (at desc);

-- Changes that caches have to learn of, written in the change's own transaction. Every API process reads the last
-- minute of them several times a second; `announced` is set once Redis has told the others, so that an API process
-- that dies between its commit and its announcement leaves work for the next one, not a hole.
create table account_changes (
    seq       bigint      generated always as identity primary key,
    at        timestamptz not null default clock_timestamp(),
    subject   text        not null check (length(subject) <= 60),
    announced boolean     not null default false
);

create index account_changes_recent on account_changes (at);
create index account_changes_unannounced on account_changes (seq) where not announced;
