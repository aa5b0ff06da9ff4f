using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>The gate before every operation: proven for the table as it stands, so also for rows yet to come.</summary>
public sealed class V2RoutesTests(SharedRegistry shared) : IClassFixture<SharedRegistry>
{
    private static readonly V2Routes Table = Build();

    /// <summary>
    /// What each operation answers whoever may do it, in a repository that holds nothing, to a request that says no more than its path.
    /// </summary>
    private static readonly Dictionary<string, (HttpStatusCode Status, string? Code)> Admitted = new(StringComparer.Ordinal)
    {
        ["GET "] = (HttpStatusCode.OK, null),
        ["GET _catalog"] = (HttpStatusCode.OK, null),
        ["GET _authindex/upstreams"] = (HttpStatusCode.Forbidden, "DENIED"), // of whoever is not the portal
        ["GET tags/list"] = (HttpStatusCode.NotFound, "NAME_UNKNOWN"),
        ["GET manifests/{}"] = (HttpStatusCode.NotFound, "MANIFEST_UNKNOWN"),
        ["PUT manifests/{}"] = (HttpStatusCode.BadRequest, "DIGEST_INVALID"),
        ["DELETE manifests/{}"] = (HttpStatusCode.NotFound, "MANIFEST_UNKNOWN"),
        ["GET referrers/{}"] = (HttpStatusCode.OK, null),
        ["GET _authindex/history/{}"] = (HttpStatusCode.OK, null),
        ["GET _authindex/sizes"] = (HttpStatusCode.OK, null),
        ["POST blobs/uploads"] = (HttpStatusCode.Accepted, null),
        ["POST blobs/uploads/"] = (HttpStatusCode.Accepted, null),
        ["GET blobs/uploads/{}"] = (HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN"),
        ["PATCH blobs/uploads/{}"] = (HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN"),
        ["PUT blobs/uploads/{}"] = (HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN"),
        ["DELETE blobs/uploads/{}"] = (HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN"),
        ["GET blobs/{}"] = (HttpStatusCode.NotFound, "BLOB_UNKNOWN"),
        ["DELETE blobs/{}"] = (HttpStatusCode.NotFound, "BLOB_UNKNOWN"),
    };

    /// <summary>Every method of every row.</summary>
    public static TheoryData<string, string> Rows()
    {
        var data = new TheoryData<string, string>();
        foreach (var row in Table.All.Where(r => !r.IsOpen))
        {
            foreach (var method in row.Methods) data.Add(method, row.Tail);
        }

        return data;
    }

    /// <summary>A row that lost its check would be here.</summary>
    [Fact]
    public void These_rows_are_open_and_no_others() =>
        Assert.Equal(["/v1/_ping", "/v1/search"], Table.All.Where(r => r.IsOpen).Select(r => r.Tail));

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Without_a_token_every_operation_is_challenged(string method, string tail)
    {
        var answer = await SendAsync(shared.Host.Client, method, tail);
        AssertCode(answer, method, "UNAUTHORIZED");
        Assert.StartsWith("Bearer realm=", answer["WWW-Authenticate"], StringComparison.Ordinal);
        Assert.Contains("service=\"registry\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
        Assert.DoesNotContain("error=", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_token_that_is_none_and_a_password_open_no_operation(string method, string tail)
    {
        using var client = new HttpClient { BaseAddress = shared.Host.Client.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "x.y.z");
        var invalid = await SendAsync(client, method, tail);
        AssertCode(invalid, method, "UNAUTHORIZED");
        Assert.Contains("error=\"invalid_token\"", invalid["WWW-Authenticate"], StringComparison.Ordinal);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", "YWxpY2U6YWxpY2UtcGFzc3dvcmQ=");
        AssertCode(await SendAsync(client, method, tail), method, "UNAUTHORIZED");
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_token_for_another_repository_opens_no_operation(string method, string tail) =>
        await AssertInsufficientAsync(method, tail, "repository:other/repo:pull,push,delete");

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_token_with_every_action_but_the_needed_opens_no_operation(string method, string tail)
    {
        var others = ((string[])["pull", "push", "delete"]).Except([RowOf(method, tail).Needs.ToString()]);
        await AssertInsufficientAsync(method, tail, $"repository:some/repo:{string.Join(',', others)}");
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_token_with_the_needed_action_passes_the_check(string method, string tail)
    {
        var row = RowOf(method, tail);
        using var client = shared.Host.As(row.OnRegistry is { } scope ? [$"{scope}"] : row.Needs.IsEmpty ? [] : [$"repository:some/repo:{row.Needs}"]);
        AssertAdmitted(await SendAsync(client, method, tail), method, tail);
    }

    [Fact]
    public void HEAD_works_wherever_GET_does() =>
        Assert.All(Table.All, row => Assert.Equal(row.Methods.Contains("GET"), row.Methods.Contains("HEAD")));

    private async Task AssertInsufficientAsync(string method, string tail, string granted)
    {
        var row = RowOf(method, tail);
        using var client = shared.Host.As(granted);
        var answer = await SendAsync(client, method, tail);
        if (row.Needs.IsEmpty && row.OnRegistry is null)
        {
            AssertAdmitted(answer, method, tail);
            return;
        }

        AssertCode(answer, method, "DENIED");
        Assert.Contains("error=\"insufficient_scope\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
        Assert.Contains($"scope=\"{row.OnRegistry?.ToString() ?? $"repository:some/repo:{row.Asks}"}\"", answer["WWW-Authenticate"], StringComparison.Ordinal);
    }

    private static void AssertCode(Answer answer, string method, string code)
    {
        if (method == "HEAD") Assert.Equal((HttpStatusCode.Unauthorized, 0), (answer.Status, answer.Body.Length));
        else answer.MustBe(HttpStatusCode.Unauthorized, code);
    }

    private static void AssertAdmitted(Answer answer, string method, string tail)
    {
        var (status, code) = Admitted[$"{(method == "HEAD" ? "GET" : method)} {tail}"];
        if (method == "HEAD") Assert.Equal((status, 0), (answer.Status, answer.Body.Length));
        else if (code is null) answer.MustBe(status);
        else answer.MustBe(status, code);
    }

    private static V2Route RowOf(string method, string tail) => Table.All.Single(r => r.Tail == tail && r.Methods.Contains(method));

    private static async Task<Answer> SendAsync(HttpClient client, string method, string tail)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), PathOf(tail));
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }

    private static string PathOf(string tail)
    {
        var path = !Table.All.First(r => r.Tail == tail).HasRepository ? $"/v2/{tail}" : $"/v2/some/repo/{tail}";
        return path.Replace("blobs/uploads/{}", "blobs/uploads/" + new string('0', 32), StringComparison.Ordinal)
            .Replace("history/{}", "history/v1", StringComparison.Ordinal)
            .Replace("{}", "sha256:" + new string('0', 64), StringComparison.Ordinal);
    }

    /// <summary>The table without a registry: its handlers are never run.</summary>
    private static V2Routes Build()
    {
        var constructor = typeof(V2Routes).GetConstructors().Single();
        return (V2Routes)constructor.Invoke(
            [.. constructor.GetParameters().Select(p => RuntimeHelpers.GetUninitializedObject(p.ParameterType))]);
    }
}
