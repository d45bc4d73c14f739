// Package goclient has the vendor's own client for Go drive the sandbox: sign-in, Unity Catalog, files, jobs, SQL, secrets.
//
// tests/test_go_client.py starts the sandbox, says in the environment where it is, and counts what ran.
package goclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go"
	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/credentials/u2m"
	"github.com/databricks/databricks-sdk-go/credentials/u2m/cache"
	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/compute"
	"github.com/databricks/databricks-sdk-go/service/files"
	"github.com/databricks/databricks-sdk-go/service/jobs"
	"github.com/databricks/databricks-sdk-go/service/sql"
	"github.com/databricks/databricks-sdk-go/service/workspace"
	"golang.org/x/oauth2"
)

const volume = "/Volumes/main/default/icebridge"

// told is what the environment says of the sandbox; without it nothing here can mean anything.
func told(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv("SANDBOX_" + name)
	if value == "" {
		t.Fatalf("SANDBOX_%s is not set: run tests/test_go_client.py", name)
	}
	return value
}

// within ends what hangs.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func client(t *testing.T, token string) *databricks.WorkspaceClient {
	t.Helper()
	w, err := databricks.NewWorkspaceClient(&databricks.Config{
		Host: told(t, "URL"), Token: told(t, token), AuthType: "pat", RetryTimeoutSeconds: 20, HTTPTimeoutSeconds: 20,
	})
	must(t, err)
	return w
}

func pilot(t *testing.T) *databricks.WorkspaceClient { return client(t, "TOKEN") }
func admin(t *testing.T) *databricks.WorkspaceClient { return client(t, "ADMIN_TOKEN") }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err, expected error) {
	t.Helper()
	if !errors.Is(err, expected) {
		t.Fatalf("expected %v, got %v", expected, err)
	}
}

func same[T comparable](t *testing.T, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Fatalf("%s: %v, and not %v", what, got, expected)
	}
}

func TestAServicePrincipalSignsIn(t *testing.T) {
	w, err := databricks.NewWorkspaceClient(&databricks.Config{
		Host: told(t, "URL"), ClientID: told(t, "CLIENT_ID"), ClientSecret: told(t, "CLIENT_SECRET"), AuthType: "oauth-m2m",
	})
	must(t, err)
	me, err := w.CurrentUser.Me(within(t))
	must(t, err)
	same(t, "who", me.UserName, told(t, "CLIENT_ID"))
}

var field = regexp.MustCompile(`<input type=hidden name=(\w+) value="([^"]*)">`)

// press is a browser: it opens the page, presses the button of a person and follows to where it is sent.
func press(address, person string) error {
	page, err := http.Get(address)
	if err != nil {
		return err
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if err != nil {
		return err
	}
	form := url.Values{"person": {person}}
	for _, found := range field.FindAllStringSubmatch(string(text), -1) {
		form.Set(found[1], html.UnescapeString(found[2]))
	}
	action, _, _ := strings.Cut(address, "?")
	answer, err := http.PostForm(action, form)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the page of the client is %s", answer.Status)
	}
	return nil
}

// expiring is the vendor's cache of tokens in a file, except that every access token that is looked up has just expired.
type expiring struct{ cache.TokenCache }

func (c expiring) Lookup(key string) (*oauth2.Token, error) {
	token, err := c.TokenCache.Lookup(key)
	if err == nil {
		token.Expiry = time.Now()
	}
	return token, err
}

// The code behind `databricks auth login` and `databricks auth token`.
func TestAPersonSignsInByBrowserAsTheVendorsCommandLineDoes(t *testing.T) {
	argument, err := u2m.NewBasicWorkspaceOAuthArgument(told(t, "URL"))
	must(t, err)
	kept, err := cache.NewFileTokenCache(cache.WithFileLocation(filepath.Join(t.TempDir(), "tokens.json")))
	must(t, err)
	pressed := make(chan error, 1)
	auth, err := u2m.NewPersistentAuth(within(t), u2m.WithOAuthArgument(argument), u2m.WithTokenCache(expiring{kept}),
		u2m.WithBrowser(func(address string) error {
			// The client listens while the browser is open.
			go func() { pressed <- press(address, told(t, "USER")) }()
			return nil
		}))
	must(t, err)
	defer auth.Close()
	must(t, auth.Challenge())
	must(t, <-pressed)
	first, err := kept.Lookup(argument.GetCacheKey())
	must(t, err)
	second, err := auth.Token()
	must(t, err)
	if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken {
		t.Fatal("a refresh token was good twice")
	}
	w, err := databricks.NewWorkspaceClient(&databricks.Config{Host: told(t, "URL"), Token: second.AccessToken, AuthType: "pat"})
	must(t, err)
	me, err := w.CurrentUser.Me(within(t))
	must(t, err)
	same(t, "who", me.UserName, told(t, "USER"))
}

func TestEveryTableIsListedOnce(t *testing.T) {
	ctx, w := within(t), pilot(t)
	schemas, err := w.Schemas.ListAll(ctx, catalog.ListSchemasRequest{CatalogName: "lake"})
	must(t, err)
	seen := map[string]bool{}
	for _, schema := range schemas {
		tables, err := w.Tables.ListAll(ctx, catalog.ListTablesRequest{
			CatalogName: "lake", SchemaName: schema.Name, MaxResults: 50, OmitColumns: true,
		})
		must(t, err)
		for _, table := range tables {
			seen[table.FullName] = true
		}
	}
	same(t, "tables", len(seen), 2500)
	summaries, err := w.Tables.ListSummariesAll(ctx, catalog.ListSummariesRequest{CatalogName: "lake", MaxResults: 700})
	must(t, err)
	same(t, "summaries", len(summaries), 2500)
	foreign, err := w.Tables.GetByFullName(ctx, "glue_lake.sales.customers")
	must(t, err)
	same(t, "type", foreign.TableType, catalog.TableTypeForeign)
	_, err = w.Tables.GetByFullName(ctx, "main.silver.none")
	refused(t, err, apierr.ErrNotFound)
}

func TestTheGateIsOpenedByThoseWhoMay(t *testing.T) {
	ctx, user, owner := within(t), pilot(t), admin(t)
	summary, err := user.Metastores.Summary(ctx)
	must(t, err)
	same(t, "external access", summary.ExternalAccessEnabled, false)
	open := catalog.UpdateMetastore{Id: summary.MetastoreId, ExternalAccessEnabled: true}
	_, err = user.Metastores.Update(ctx, open)
	refused(t, err, apierr.ErrPermissionDenied)
	_, err = owner.Metastores.Update(ctx, open)
	must(t, err)
	grant := catalog.UpdatePermissions{
		SecurableType: "schema", FullName: "main.silver",
		Changes: []catalog.PermissionsChange{{
			Principal: told(t, "USER"), Add: []catalog.Privilege{catalog.PrivilegeExternalUseSchema},
		}},
	}
	_, err = user.Grants.Update(ctx, grant)
	refused(t, err, apierr.ErrPermissionDenied)
	_, err = owner.Grants.Update(ctx, grant)
	must(t, err)
	effective, err := user.Grants.GetEffective(ctx, catalog.GetEffectiveRequest{
		SecurableType: "schema", FullName: "main.silver", Principal: told(t, "USER"),
	})
	must(t, err)
	var held []catalog.Privilege
	for _, one := range effective.PrivilegeAssignments {
		for _, privilege := range one.Privileges {
			held = append(held, privilege.Privilege)
		}
	}
	if !slices.Contains(held, catalog.PrivilegeExternalUseSchema) {
		t.Fatalf("not among the effective privileges: %v", held)
	}
	table, err := user.Tables.GetByFullName(ctx, "main.silver.kept")
	must(t, err)
	vended, err := user.TemporaryTableCredentials.GenerateTemporaryTableCredentials(ctx,
		catalog.GenerateTemporaryTableCredentialRequest{TableId: table.TableId, Operation: catalog.TableOperationRead})
	must(t, err)
	same(t, "place", vended.Url, table.StorageLocation)
}

func TestFilesGoInAndComeOut(t *testing.T) {
	ctx, w := within(t), pilot(t)
	content := bytes.Repeat([]byte("iceberg\n"), 20_000)
	path := volume + "/go/data ü%20.bin"
	upload := files.UploadRequest{FilePath: path, Contents: io.NopCloser(bytes.NewReader(content)), Overwrite: true}
	must(t, w.Files.Upload(ctx, upload))
	there, err := w.Files.DownloadByFilePath(ctx, path)
	must(t, err)
	defer there.Contents.Close()
	back, err := io.ReadAll(there.Contents)
	must(t, err)
	if !bytes.Equal(back, content) {
		t.Fatal("the file came back changed")
	}
	listed, err := w.Files.ListDirectoryContentsAll(ctx, files.ListDirectoryContentsRequest{DirectoryPath: volume + "/go"})
	must(t, err)
	same(t, "files", len(listed), 1)
	must(t, w.Files.DeleteByFilePath(ctx, path))
	_, err = w.Files.GetMetadataByFilePath(ctx, path)
	refused(t, err, apierr.ErrNotFound)
}

// script uploads a script for a job.
func script(t *testing.T, w *databricks.WorkspaceClient, name, text string) string {
	t.Helper()
	ctx, folder := within(t), "/Workspace/Users/"+told(t, "USER")+"/go"
	must(t, w.Workspace.MkdirsByPath(ctx, folder))
	path := folder + "/" + name + ".py"
	must(t, w.Workspace.Upload(ctx, path, strings.NewReader(text),
		workspace.UploadFormat(workspace.ImportFormatAuto), workspace.UploadOverwrite()))
	return path
}

func submission(file, token string, parameters ...string) jobs.SubmitRun {
	return jobs.SubmitRun{
		RunName: "go", IdempotencyToken: token,
		Tasks: []jobs.SubmitTask{{
			TaskKey:         "main",
			SparkPythonTask: &jobs.SparkPythonTask{PythonFile: file, Parameters: parameters},
			NewCluster: &compute.ClusterSpec{
				SparkVersion: "17.3.x-scala2.13", NodeTypeId: "i3.xlarge", RuntimeEngine: compute.RuntimeEnginePhoton,
				Autoscale: &compute.AutoScale{MinWorkers: 1, MaxWorkers: 4}, CustomTags: map[string]string{"app": "icebridge"},
			},
		}},
	}
}

// ended polls until the run has, as the vendor's waiter does but more often.
func ended(t *testing.T, w *databricks.WorkspaceClient, id int64) *jobs.Run {
	t.Helper()
	ctx := within(t)
	for {
		run, err := w.Jobs.GetRun(ctx, jobs.GetRunRequest{RunId: id})
		must(t, err)
		if run.Status != nil && run.Status.State == jobs.RunLifecycleStateV2StateTerminated {
			return run
		}
		select {
		case <-ctx.Done():
			t.Fatal("the run did not end")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestAJobRunsOnceAndIsRead(t *testing.T) {
	ctx, w := within(t), pilot(t)
	file := script(t, w, "hello", "import sys\nprint('hello', *sys.argv[1:])\n")
	var ids []int64
	for range 3 {
		sent, err := w.Jobs.Submit(ctx, submission(file, "go-once", "a b"))
		must(t, err)
		ids = append(ids, sent.Response.RunId)
	}
	same(t, "runs", len(slices.Compact(ids)), 1)
	run := ended(t, w, ids[0])
	same(t, "end", run.Status.TerminationDetails.Code, jobs.TerminationCodeCodeSuccess)
	output, err := w.Jobs.GetRunOutputByRunId(ctx, run.Tasks[0].RunId)
	must(t, err)
	if !strings.Contains(output.Logs, "hello a b\n") {
		t.Fatalf("it said %q", output.Logs)
	}
	cluster, err := w.Clusters.GetByClusterId(ctx, run.Tasks[0].ClusterInstance.ClusterId)
	must(t, err)
	same(t, "cluster", cluster.State, compute.StateTerminated)
	listed, err := w.Jobs.ListRunsAll(ctx, jobs.ListRunsRequest{RunType: jobs.RunTypeSubmitRun})
	must(t, err)
	if !slices.ContainsFunc(listed, func(one jobs.BaseRun) bool { return one.RunId == ids[0] }) {
		t.Fatal("the run is not in the list")
	}
}

func TestAJobIsCancelled(t *testing.T) {
	ctx, w := within(t), pilot(t)
	file := script(t, w, "sleeps", "import time\ntime.sleep(600)\n")
	sent, err := w.Jobs.Submit(ctx, submission(file, "go-cancel"))
	must(t, err)
	must(t, w.Jobs.CancelRunByRunId(ctx, sent.Response.RunId))
	run := ended(t, w, sent.Response.RunId)
	same(t, "end", run.Status.TerminationDetails.Code, jobs.TerminationCodeCodeUserCanceled)
}

func TestComputeIsOffered(t *testing.T) {
	ctx, w := within(t), pilot(t)
	nodes, err := w.Clusters.ListNodeTypes(ctx)
	must(t, err)
	if !slices.ContainsFunc(nodes.NodeTypes, func(node compute.NodeType) bool { return node.PhotonWorkerCapable }) {
		t.Fatal("no node type takes Photon")
	}
	version, err := w.Clusters.SelectSparkVersion(ctx, compute.SparkVersionRequest{LongTermSupport: true, Latest: true})
	must(t, err)
	same(t, "version", version, "17.3.x-scala2.13")
}

func TestStatementsAreRunAndReadInChunks(t *testing.T) {
	ctx, w := within(t), pilot(t)
	warehouses, err := w.Warehouses.ListAll(ctx, sql.ListWarehousesRequest{})
	must(t, err)
	done, err := w.StatementExecution.ExecuteAndWait(ctx, sql.ExecuteStatementRequest{
		WarehouseId: warehouses[0].Id,
		Statement:   "SELECT table_name FROM lake.information_schema.tables WHERE table_schema = 's0000' ORDER BY 1",
	})
	must(t, err)
	rows := len(done.Result.DataArray)
	for next := done.Result.NextChunkIndex; next != 0; {
		chunk, err := w.StatementExecution.GetStatementResultChunkNByStatementIdAndChunkIndex(ctx, done.StatementId, next)
		must(t, err)
		rows += len(chunk.DataArray)
		next = chunk.NextChunkIndex
	}
	same(t, "rows", rows, 1000)
	_, err = w.StatementExecution.ExecuteAndWait(ctx, sql.ExecuteStatementRequest{
		WarehouseId: warehouses[0].Id, Statement: "SELECT * FROM main.silver.none",
	})
	if err == nil {
		t.Fatal("a table that is not there was read")
	}
}

func TestSecretsAreKept(t *testing.T) {
	ctx, w := within(t), pilot(t)
	value := told(t, "TOKEN") + "-kept"
	must(t, w.Secrets.CreateScope(ctx, workspace.CreateScope{Scope: "go"}))
	must(t, w.Secrets.PutSecret(ctx, workspace.PutSecret{Scope: "go", Key: "key", StringValue: value}))
	kept, err := w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "go", Key: "key"})
	must(t, err)
	same(t, "secret", kept.Value == base64.StdEncoding.EncodeToString([]byte(value)), true)
	must(t, w.Secrets.DeleteScopeByScope(ctx, "go"))
	_, err = w.Secrets.GetSecret(ctx, workspace.GetSecretRequest{Scope: "go", Key: "key"})
	refused(t, err, apierr.ErrNotFound)
}

func TestTooManyRequestsAreWaitedOut(t *testing.T) {
	rule := `{"path": "/api/2.0/preview/scim/v2/Me", "kind": "throttle", "retry_after": 1, "count": 2}`
	answer, err := http.Post(told(t, "URL")+"/sandbox/faults", "application/json", strings.NewReader(rule))
	must(t, err)
	defer answer.Body.Close()
	same(t, "rule", answer.StatusCode, http.StatusOK)
	me, err := pilot(t).CurrentUser.Me(within(t))
	must(t, err)
	same(t, "who", me.UserName, told(t, "USER"))
}
