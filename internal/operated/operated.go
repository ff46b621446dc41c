// Package operated reaches the operated system's own database: the Aurora cluster of system.yaml. Its address is a secret, so it
// comes from the environment and stands in no description and no history.
package operated

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Variable is the environment variable that holds the address.
const Variable = "TEJUN_OPERATED_DATABASE_URL"

// ErrNotGiven says that the address was not given to this worker.
var ErrNotGiven = errors.New("the operated system's database is not known to this worker: set " + Variable +
	" to postgres://user:password@host:5432/database?sslmode=verify-full and start the worker again")

// Database is the operated system's database. A nil one is not given: its methods return ErrNotGiven. It is safe for concurrent
// use.
type Database struct {
	dsn string

	mu   sync.Mutex
	pool *pgxpool.Pool
}

// Open checks the address and connects to nothing yet: most runbooks never need the database. An empty address gives nil.
func Open(dsn string) (*Database, error) {
	if dsn == "" {
		return nil, nil
	}
	// Not the parsers' own words: they quote what they cannot read, and that may be the password.
	if u, err := url.Parse(dsn); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "postgres") {
		return nil, errors.New("the address is not a URL: write postgres://user:password@host:5432/database?sslmode=verify-full (a restored copy is reached by putting its host in)")
	}
	if u, err := url.Parse(dsn); err != nil || u.Query().Has("host") || u.Query().Has("hostaddr") || u.Query().Has("port") {
		return nil, errors.New("the address names its host or port in a parameter, which would win over the address of a restored copy: write postgres://user:password@host:5432/database without it")
	}
	if _, err := pgxpool.ParseConfig(dsn); err != nil { // pgx leaves the password out of its errors
		return nil, fmt.Errorf("%w: write postgres://user:password@host:5432/database?sslmode=verify-full", err)
	}
	return &Database{dsn: dsn}, nil
}

// Pool connects, at the first call, and returns the connections, which all callers share. Do not close it.
func (d *Database) Pool(ctx context.Context) (*pgxpool.Pool, error) {
	if d == nil {
		return nil, ErrNotGiven
	}
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pool == nil {
		config, err := config(d.dsn)
		if err != nil {
			return nil, err
		}
		// The pool outlives the call that makes it.
		if d.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
			return nil, fmt.Errorf("open the operated system's database: %w", err)
		}
	}
	return d.pool, nil
}

// At connects to a restored copy of the database, which has its users and passwords and another address. Close the pool.
func (d *Database) At(ctx context.Context, host string, port int32) (*pgxpool.Pool, error) {
	if d == nil {
		return nil, ErrNotGiven
	}
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	u, err := url.Parse(d.dsn)
	if err != nil {
		return nil, errors.New("the address of the operated system's database is not a URL") // without its text: it holds a password
	}
	u.Host = net.JoinHostPort(host, fmt.Sprint(port))
	config, err := config(u.String())
	if err != nil {
		return nil, err
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the restored copy at %s: %w", u.Host, err)
	}
	return pool, nil
}

// Close ends all connections of Pool; it waits for those in use.
func (d *Database) Close() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pool != nil {
		d.pool.Close()
		d.pool = nil
	}
}

func config(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the address of the operated system's database: %w", err)
	}
	set := config.ConnConfig.RuntimeParams
	if set["application_name"] == "" {
		set["application_name"] = "tejun"
	}
	set["timezone"] = "UTC"
	return config, nil
}
