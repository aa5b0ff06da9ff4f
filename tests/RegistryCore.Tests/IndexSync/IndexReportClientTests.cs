using System.Net;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

public sealed class IndexReportClientTests
{
    [Theory]
    [InlineData(
        """{"errors":[{"code":"UNSUPPORTED","message":"the report's third page is missing"}],"error":"invalid_request"}""",
        "it answered 400: the report's third page is missing; they are kept")]
    [InlineData("<html>no index</html>", "it answered 400: <html>no index</html>; they are kept")]
    [InlineData("""{"errors":[]}""", "it answered 400: {")]
    [InlineData("null", "it answered 400: null")]
    public async Task A_refusal_is_logged_by_its_sentence(string body, string logged)
    {
        await using var index = await StandIn.StartAsync();
        index.Answer = http =>
        {
            http.Response.StatusCode = (int)HttpStatusCode.ServiceUnavailable;
            return Task.CompletedTask;
        };
        await using var host = await RegistryHost.StartAsync(o =>
        {
            o.LogLevel = "warning";
            o.TokenServer.Url = index.Url;
            o.Reporting.Enabled = true;
            o.Reporting.LongestPause = TimeSpan.FromMilliseconds(100);
        });
        OwnerOnlyFile.Write(Path.Combine(Path.GetDirectoryName(host.Root)!, "registry-credential"), "s3cret\n");
        var log = host.RecordLog();
        index.Answer = http =>
        {
            http.Response.StatusCode = (int)HttpStatusCode.BadRequest;
            return http.Response.WriteAsync(body);
        };
        await Eventually.TrueAsync(() => log.Text.Contains(logged, StringComparison.Ordinal), TimeSpan.FromSeconds(60), () => log.Text);
    }

    [Theory]
    [InlineData("utf8")]
    [InlineData("gb2312")]
    [InlineData("no-such-charset")]
    public async Task The_charset_that_an_answer_names_is_not_obeyed(string charset)
    {
        await using var index = await StandIn.StartAsync();
        index.Answer = http =>
        {
            http.Response.StatusCode = StatusCodes.Status502BadGateway;
            http.Response.ContentType = $"text/html; charset={charset}";
            return http.Response.WriteAsync("über", http.RequestAborted);
        };
        using var folder = new TemporaryDirectory();
        OwnerOnlyFile.Write(folder["registry-credential"], "credential");
        using var http = new HttpClient();
        var line = new IndexReportClient(Connection.To(index, folder, http));
        var failed = Assert.IsType<ReportOutcome.Failed>(
            await line.SendAsync(new EventReport(new EventPosition(0, ""), [], []), TestContext.Current.CancellationToken));
        Assert.Equal("it answered 502: über", failed.Reason);
    }

    [Fact]
    public async Task A_credential_that_others_may_read_is_not_sent()
    {
        var asked = 0;
        await using var index = await StandIn.StartAsync();
        index.Answer = http =>
        {
            asked++;
            return Task.CompletedTask;
        };
        using var folder = new TemporaryDirectory();
        OwnerOnlyFile.Write(folder["registry-credential"], "credential");
        File.SetUnixFileMode(folder["registry-credential"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        using var http = new HttpClient();
        var line = new IndexReportClient(Connection.To(index, folder, http));
        var report = new EventReport(new EventPosition(0, ""), [], []);
        var failed = Assert.IsType<ReportOutcome.Failed>(await line.SendAsync(report, TestContext.Current.CancellationToken));
        Assert.Contains($"chmod 600 {folder["registry-credential"]}", failed.Reason, StringComparison.Ordinal);
        Assert.Equal(0, asked);

        OwnerOnlyFile.Write(folder["registry-credential"], "credential");
        Assert.IsType<ReportOutcome.Accepted>(await line.SendAsync(report, TestContext.Current.CancellationToken));
    }
}
