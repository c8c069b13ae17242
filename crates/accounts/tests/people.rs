//! People: signing in, throttling, and rights that end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod servers;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use accounts::{Accounts, AuthError, Error, LoginError, NewUser, Preferences, Role, Theme, UserChange};
use servers::{ADMIN_EMAIL, ADMIN_PASSWORD, Servers, eventually, origin};

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

async fn login(
    accounts: &Accounts,
    email: &str,
    password: &str,
    from: u8,
) -> Result<accounts::Token, LoginError> {
    accounts.login(email, password, address(from), "test").await
}

fn viewer(email: &str) -> NewUser {
    NewUser { email: email.into(), password: "a viewer's password".into(), role: Role::Viewer }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_administrator_of_the_settings_signs_in_and_the_token_says_who() {
    let servers = Servers::started().await;
    let (here, there) = (servers.ready_process().await, servers.ready_process().await);
    let token = login(&here, " ADMIN@example.com ", ADMIN_PASSWORD, 1).await.unwrap();
    assert_eq!(
        (token.person.email.as_str(), token.person.role, token.expires_in),
        (ADMIN_EMAIL, Role::Admin, 900)
    );
    assert_eq!(there.person(&token.text).await.unwrap(), token.person, "signed here, read there");
    assert_eq!(here.person("not a token").await.err(), Some(AuthError::Malformed));
    let listed = here.list_users(None, 10).await.unwrap().items;
    assert!(listed[0].last_login_at.is_some());
    let pool = servers.pool().await;
    let stored: String =
        sqlx::query_scalar("select password_hash from users").fetch_one(&pool).await.unwrap();
    assert!(stored.starts_with("$argon2id$"), "{stored}");
    let logins: i64 = sqlx::query_scalar(
        "select count(*) from audit_log where action = 'user.login' and actor like 'user:%' || $1",
    )
    .bind(ADMIN_EMAIL)
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(logins, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_administrator_of_the_settings_who_was_renamed_or_deleted_does_not_come_back_at_the_next_start() {
    let servers = Servers::started().await;
    let first = servers.ready_process().await;
    let admin = first.list_users(None, 10).await.unwrap().items.remove(0);
    let change = UserChange { email: Some("ada@example.com".into()), ..UserChange::default() };
    first.update_user(&origin(), admin.id, change).await.unwrap();
    let second = servers.ready_process().await;
    assert_eq!(second.list_users(None, 10).await.unwrap().items.len(), 1, "renamed");
    assert!(matches!(
        login(&second, ADMIN_EMAIL, ADMIN_PASSWORD, 1).await,
        Err(LoginError::WrongCredentials)
    ));
    let other = NewUser { role: Role::Admin, ..viewer("grace@example.com") };
    second.create_user(&origin(), other).await.unwrap();
    second.delete_user(&origin(), admin.id).await.unwrap();
    let third = servers.ready_process().await;
    let emails: Vec<_> =
        third.list_users(None, 10).await.unwrap().items.into_iter().map(|user| user.email).collect();
    assert_eq!(emails, ["grace@example.com"], "deleted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_an_unknown_and_a_disabled_person_look_the_same_and_take_as_long() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let off = accounts.create_user(&origin(), viewer("off@example.com")).await.unwrap();
    accounts
        .update_user(&origin(), off.id, UserChange { disabled: Some(true), ..UserChange::default() })
        .await
        .unwrap();
    let mut medians = Vec::new();
    for (n, (email, password)) in [
        (ADMIN_EMAIL, "wrong password"),
        ("nobody@example.com", "wrong password"),
        ("off@example.com", "a viewer's password"),
        ("no address", "wrong password"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut times = Vec::new();
        for _ in 0..5 {
            let began = Instant::now();
            let refused = login(&accounts, email, password, u8::try_from(n).unwrap()).await;
            assert!(matches!(refused, Err(LoginError::WrongCredentials)), "{email}: {refused:?}");
            times.push(began.elapsed());
        }
        times.sort();
        medians.push(times[2]);
    }
    println!("medians: {medians:?}");
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 5, "{medians:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sixth_wrong_guess_is_refused_unseen_even_when_all_come_at_once() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let guesses: Vec<_> = (0..12)
        .map(|n| {
            let accounts = accounts.clone();
            tokio::spawn(async move { login(&accounts, ADMIN_EMAIL, "a guess or two", n).await })
        })
        .collect();
    let mut throttled = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(LoginError::WrongCredentials) => {}
            Err(LoginError::Throttled(wait)) if wait <= Duration::from_mins(1) => throttled += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(throttled, 7);
    assert!(matches!(login(&accounts, ADMIN_EMAIL, ADMIN_PASSWORD, 99).await, Err(LoginError::Throttled(_))));
    for n in 0..5 {
        let _ = login(&accounts, &format!("{n}@example.com"), "a guess or two", 200).await;
    }
    assert!(matches!(login(&accounts, "other@example.com", "x", 200).await, Err(LoginError::Throttled(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_end_end_within_a_second_for_tokens_that_are_out() {
    let servers = Servers::started().await;
    let (here, there) = (servers.ready_process().await, servers.ready_process().await);
    let change = |change: UserChange| change;
    let mut from = 0;
    let mut signed_in = async |email: &str| {
        let user = here.create_user(&origin(), viewer(email)).await.unwrap();
        from += 1;
        let token = login(&here, email, "a viewer's password", from).await.unwrap().text;
        there.person(&token).await.unwrap();
        (user.id, token)
    };
    let refused = async |token: &str, reason: AuthError| {
        let took = eventually("refused", async || there.person(token).await.err() == Some(reason)).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(here.person(token).await.err(), Some(reason));
    };
    let (id, token) = signed_in("disabled@example.com").await;
    here.update_user(&origin(), id, change(UserChange { disabled: Some(true), ..UserChange::default() }))
        .await
        .unwrap();
    refused(&token, AuthError::Revoked).await;
    here.update_user(&origin(), id, change(UserChange { disabled: Some(false), ..UserChange::default() }))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(there.person(&token).await.err(), Some(AuthError::Revoked), "old tokens stay dead");
    let again = login(&there, "disabled@example.com", "a viewer's password", 50).await.unwrap().text;
    here.person(&again).await.expect("new ones work");

    let (id, token) = signed_in("password@example.com").await;
    let password = UserChange { password: Some("another password".into()), ..UserChange::default() };
    here.update_user(&origin(), id, password).await.unwrap();
    refused(&token, AuthError::Revoked).await;

    let (id, token) = signed_in("deleted@example.com").await;
    here.delete_user(&origin(), id).await.unwrap();
    refused(&token, AuthError::Unknown).await;

    let (id, token) = signed_in("promoted@example.com").await;
    let promoted = UserChange { role: Some(Role::Admin), ..UserChange::default() };
    here.update_user(&origin(), id, promoted).await.unwrap();
    let took = eventually("the role of now, not that of the token", async || {
        there.person(&token).await.unwrap().role == Role::Admin
    })
    .await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_the_present_password_takes_another_and_only_the_new_token_is_good() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    accounts.create_user(&origin(), viewer("one@example.com")).await.unwrap();
    let old = login(&accounts, "one@example.com", "a viewer's password", 1).await.unwrap();
    let change = async |current: &str, new: &str| {
        accounts.change_password(&old.person, current, new, address(1), "test").await
    };
    assert!(matches!(change("a guess or two", "another password").await, Err(LoginError::WrongCredentials)));
    let short = change("a viewer's password", "short").await;
    assert!(
        matches!(short, Err(LoginError::Store(Error::Invalid { field: "newPassword", .. }))),
        "{:?}",
        short.err()
    );
    accounts.person(&old.text).await.expect("nothing has changed");
    let new = change("a viewer's password", "another password").await.unwrap();
    assert_eq!(accounts.person(&new.text).await.unwrap(), old.person);
    assert_eq!(accounts.person(&old.text).await.err(), Some(AuthError::Revoked));
    login(&accounts, "one@example.com", "another password", 1).await.expect("the new password");
    let audited: String = sqlx::query_scalar(
        "select detail from audit_log where action = 'user.update' and actor like 'user:%one@example.com'",
    )
    .fetch_one(&servers.pool().await)
    .await
    .unwrap();
    assert_eq!(audited, "password changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_enabled_administrator_always_stays() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let first = accounts.list_users(None, 1).await.unwrap().items.remove(0);
    let viewer_now = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    for change in [viewer_now.clone(), disabled] {
        let refused = accounts.update_user(&origin(), first.id, change).await;
        assert!(matches!(refused, Err(Error::LastAdmin)), "{refused:?}");
    }
    assert!(matches!(accounts.delete_user(&origin(), first.id).await, Err(Error::LastAdmin)));
    let mail = UserChange { email: Some("Chief@example.com".into()), ..UserChange::default() };
    assert_eq!(accounts.update_user(&origin(), first.id, mail).await.unwrap().email, "chief@example.com");
    // two administrators who demote each other at the same moment, many times
    for round in 0..8 {
        let other = NewUser { role: Role::Admin, ..viewer(&format!("{round}@example.com")) };
        let other = accounts.create_user(&origin(), other).await.unwrap();
        let me = origin();
        let admins: Vec<_> = admins(&accounts).await;
        assert_eq!(admins.len(), 2);
        let (one, two) = tokio::join!(
            accounts.update_user(&me, admins[0], viewer_now.clone()),
            accounts.delete_user(&me, admins[1]),
        );
        assert!(one.is_ok() != two.is_ok(), "exactly one of them: {one:?} {two:?}");
        assert_eq!(self::admins(&accounts).await.len(), 1);
        let _ = other;
    }
}

async fn admins(accounts: &Accounts) -> Vec<uuid::Uuid> {
    let users = accounts.list_users(None, 100).await.unwrap().items;
    users.into_iter().filter(|user| user.role == Role::Admin && !user.disabled).map(|user| user.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_that_cannot_be_are_refused_with_the_field() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let taken = accounts.create_user(&origin(), viewer("ADMIN@EXAMPLE.COM")).await;
    assert!(matches!(taken, Err(Error::EmailTaken)), "{taken:?}");
    for (new, field) in [
        (viewer("no address"), "email"),
        (NewUser { password: "short".into(), ..viewer("a@b.c") }, "password"),
        (NewUser { password: "x".repeat(300), ..viewer("a@b.c") }, "password"),
    ] {
        match accounts.create_user(&origin(), new).await {
            Err(Error::Invalid { field: is, .. }) => assert_eq!(is, field),
            other => panic!("{other:?}"),
        }
    }
    let nobody = uuid::Uuid::now_v7();
    let some = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    assert!(matches!(accounts.update_user(&origin(), nobody, some).await, Err(Error::NotFound("user"))));
    assert!(matches!(accounts.delete_user(&origin(), nobody).await, Err(Error::NotFound("user"))));
    assert!(matches!(accounts.user(nobody).await, Err(Error::NotFound("user"))));
    let nothing = accounts.update_user(&origin(), nobody, UserChange::default()).await;
    assert!(matches!(nothing, Err(Error::Invalid { .. })));
    let two = accounts.create_user(&origin(), viewer("two@example.com")).await.unwrap();
    let mail = UserChange { email: Some(ADMIN_EMAIL.into()), ..UserChange::default() };
    assert!(matches!(accounts.update_user(&origin(), two.id, mail).await, Err(Error::EmailTaken)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preferences_are_a_persons_own_and_bounded() {
    let servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let one = accounts.create_user(&origin(), viewer("one@example.com")).await.unwrap();
    assert_eq!(accounts.preferences(one.id).await.unwrap(), Preferences::default());
    let chosen = Preferences { theme: Theme::Dark, time_zone: "Europe/Vienna".into(), page_rows: 50 };
    accounts.set_preferences(one.id, &chosen).await.unwrap();
    assert_eq!(accounts.preferences(one.id).await.unwrap(), chosen);
    for bad in [
        Preferences { time_zone: String::new(), ..chosen.clone() },
        Preferences { time_zone: "x".repeat(65), ..chosen.clone() },
        Preferences { time_zone: "a b".into(), ..chosen.clone() },
        Preferences { page_rows: 5, ..chosen.clone() },
    ] {
        assert!(
            matches!(accounts.set_preferences(one.id, &bad).await, Err(Error::Invalid { .. })),
            "{bad:?}"
        );
    }
    accounts.delete_user(&origin(), one.id).await.unwrap();
    assert!(matches!(accounts.set_preferences(one.id, &chosen).await, Err(Error::NotFound("user"))));
    assert_eq!(accounts.preferences(one.id).await.unwrap(), Preferences::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgresql_away_a_token_in_use_works_and_nobody_can_sign_in() {
    let mut servers = Servers::started().await;
    let accounts = servers.ready_process().await;
    let token = login(&accounts, ADMIN_EMAIL, ADMIN_PASSWORD, 1).await.unwrap().text;
    accounts.person(&token).await.unwrap();
    servers.postgres.stop().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    accounts.person(&token).await.expect("in memory");
    servers.process().await.person(&token).await.expect("in Redis");
    for _ in 0..10 {
        let refused = login(&accounts, ADMIN_EMAIL, ADMIN_PASSWORD, 1).await;
        assert!(
            matches!(refused, Err(LoginError::Store(Error::Unavailable(_)))),
            "not counted as guesses: {refused:?}"
        );
    }
}
