using System.DirectoryServices.Protocols;
using System.Net;
using System.Runtime.InteropServices;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Search;

namespace AuthIndex.TokenServer.Identity.Ldap.Native;

/// <summary>A connection by System.DirectoryServices.Protocols.</summary>
internal sealed class ProtocolsConnection : IDirectoryConnection
{
    private const int PageSize = 500;

    // The library's text for an unknown error.
    private const string UnknownError = "(unknown error code)";

    private readonly DirectoryServer server;
    private readonly LdapConnection connection;
    private readonly SafeHandle handle;
    private readonly Watchdog watchdog;
    private DirectoryKind kind;

    public ProtocolsConnection(DirectoryServer server, LdapConnection connection)
    {
        (this.server, this.connection) = (server, connection);
        handle = LibLdap.HandleOf(connection);
        watchdog = new Watchdog(handle);
    }

    /// <summary>
    /// Connects, begins TLS and looks at the root entry. StartTLS is the first request on its connection: a server refuses it while an
    /// operation is pending (RFC 4511 section 4.14.1), and 389 Directory Server counts one as pending beyond its answer.
    /// </summary>
    public void Begin(TimeSpan within)
    {
        LibLdap.BoundConnecting(handle, within);
        Call("connect", within, () =>
        {
            if (server.Security == ServerSecurity.StartTls)
            {
                LibLdap.Address(handle, server);
                connection.SessionOptions.StartTransportLayerSecurity(null);
            }

            try
            {
                kind = RootEntry.KindOf((SearchResponse)connection.SendRequest(RootEntry.Question));
            }
            catch (DirectoryOperationException)
            {
                // A server may keep even this from strangers; what counts is that it has answered.
            }

            return true;
        });
    }

    /// <inheritdoc/>
    public BindAnswer Bind(string dn, string password, TimeSpan within)
    {
        if (password.Length == 0)
        {
            throw new ArgumentException("An empty password binds anonymously, which proves nothing.", nameof(password));
        }

        return Call("bind", within, () =>
        {
            try
            {
                connection.Bind(new NetworkCredential(dn, password));
                return new BindAnswer(ResultCodes.Success, "");
            }
            catch (LdapException e) when (e.ErrorCode == ResultCodes.InvalidCredentials)
            {
                return new BindAnswer(e.ErrorCode, e.ServerErrorMessage ?? LibLdap.Diagnostic(handle));
            }
            catch (DirectoryOperationException)
            {
                // For these the library drops the code and the words.
                return new BindAnswer(LibLdap.ResultCode(handle), LibLdap.Diagnostic(handle));
            }
            catch (LdapException e) when (e.ErrorCode == ResultCodes.InappropriateAuthentication)
            {
                return new BindAnswer(e.ErrorCode, e.ServerErrorMessage ?? "");
            }
        });
    }

    /// <inheritdoc/>
    public SearchAnswer Search(SearchQuestion question, TimeSpan within)
    {
        var request = new SearchRequest(question.BaseDn, question.Filter, Scope(question.Depth), [.. question.Attributes]);
        var page = new PageResultRequestControl(Math.Min(PageSize, question.Limit + 1)) { IsCritical = false };
        if (question.Depth != SearchDepth.Base) request.Controls.Add(page);

        var found = new List<DirectoryEntry>();
        var deadline = Environment.TickCount64 + (long)within.TotalMilliseconds;
        while (true)
        {
            var (entries, cookie, isCut) = Call(
                "search", TimeSpan.FromMilliseconds(deadline - Environment.TickCount64), () => Send(request));
            foreach (SearchResultEntry entry in entries)
            {
                if (found.Count == question.Limit) return new SearchAnswer(found, IsCut: true);
                found.Add(Read(entry));
            }

            if (isCut || cookie is not { Length: > 0 }) return new SearchAnswer(found, isCut);
            page.Cookie = cookie;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        watchdog.Dispose();
        connection.Dispose();
    }

    private static SearchScope Scope(SearchDepth depth) => depth switch
    {
        SearchDepth.Base => SearchScope.Base,
        SearchDepth.One => SearchScope.OneLevel,
        _ => SearchScope.Subtree,
    };

    private DirectoryEntry Read(SearchResultEntry entry)
    {
        var attributes = new Dictionary<string, IReadOnlyList<string>>(StringComparer.OrdinalIgnoreCase);
        foreach (DirectoryAttribute attribute in entry.Attributes.Values)
        {
            attributes[attribute.Name] = BinaryAttributes.Contains(attribute.Name)
                ? [.. attribute.GetValues(typeof(byte[])).Cast<byte[]>().Select(v => BinaryAttributes.Write(v))]
                : [.. attribute.GetValues(typeof(string)).Cast<string>()];
        }

        return new DirectoryEntry(entry.DistinguishedName, attributes) { Kind = kind };
    }

    private (SearchResultEntryCollection Entries, byte[]? Cookie, bool IsCut) Send(SearchRequest request)
    {
        try
        {
            var response = (SearchResponse)connection.SendRequest(request);
            if (response.ResultCode == ResultCode.Referral)
            {
                throw new SearchRefusedException(
                    ResultCodes.Referral,
                    $"{server} does not have {request.DistinguishedName} and returned a referral; referrals are not followed");
            }

            return (response.Entries, response.Controls.OfType<PageResultResponseControl>().FirstOrDefault()?.Cookie, false);
        }
        catch (DirectoryOperationException e) when (e.Response is SearchResponse { ResultCode: ResultCode.SizeLimitExceeded } response)
        {
            return (response.Entries, null, true);
        }
        catch (DirectoryOperationException e) when (e.Response is SearchResponse response)
        {
            throw new SearchRefusedException(
                (int)response.ResultCode,
                $"{server} refused to search {request.DistinguishedName}: {ResultCodes.Name((int)response.ResultCode)} "
                + $"{response.ErrorMessage}".TrimEnd());
        }
        catch (ArgumentException e)
        {
            // The library cannot hold an entry that names an attribute twice, which RFC 4511 section 4.5.2 forbids.
            throw new SearchRefusedException(
                (int)ResultCode.Other, $"{server} sent an entry below {request.DistinguishedName} that cannot be read: {e.Message}");
        }
    }

    private T Call<T>(string what, TimeSpan within, Func<T> call)
    {
        if (within <= TimeSpan.Zero) throw new ServerFailureException($"{server}: no time left for {what}", isTimeout: true);
        try
        {
            return watchdog.Watch(within, call);
        }
        catch (Exception e) when (e is LdapException or TlsOperationException or DirectoryOperationException)
        {
            if (watchdog.HasBitten)
            {
                throw new ServerFailureException($"{server}: no answer to {what} within {within.TotalSeconds:0.###} s", e, isTimeout: true);
            }

            throw new ServerFailureException($"{server}: {what} failed: {Words(e)}", e);
        }
    }

    private string Words(Exception e)
    {
        var own = e is LdapException { ServerErrorMessage: { Length: > 0 } said } ? said : LibLdap.Diagnostic(handle);
        return own.Trim() is { Length: > 0 } words && words != UnknownError ? $"{e.Message.Trim()} ({words})" : e.Message.Trim();
    }
}
