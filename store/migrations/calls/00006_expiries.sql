-- +goose Up

-- Which classes of what calls have left (audio, snippets, text) are past the time for
-- which they are kept, and are destroyed, or being destroyed.
create table expiries (
    call     text   not null,
    class    text   not null,
    node     text   not null,                     -- who is at it, or was
    begun_at bigint not null,                     -- nothing of it is handed out from then on
    done_at  bigint,                              -- nothing of it is left
    primary key (call, class)
);

create index calls_ended on calls (ended_at, id);

-- +goose Down
drop index calls_ended;
drop table expiries;
