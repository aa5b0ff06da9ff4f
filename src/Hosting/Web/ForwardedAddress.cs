using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace AuthIndex.Hosting.Web;

/// <summary>
/// Takes a client's address from <c>X-Forwarded-For</c> where a trusted proxy sends it, read from its end as far as the proxies are
/// trusted. An unreadable header from a trusted proxy leaves the address unknown, which no rule admits: the proxy's own address would grant
/// the proxy's rights.
/// </summary>
internal sealed partial class ForwardedAddress(ListenerOptions options, TimeProvider time, ILogger<ForwardedAddress> log)
{
    private const string Header = "X-Forwarded-For";

    private readonly Throttle untrusted = new(time), unreadable = new(time);

    /// <summary>Sets the address of a request's connection.</summary>
    public void Apply(HttpContext context)
    {
        var said = context.Request.Headers[Header];
        if (said.Count == 0) return;
        var proxy = ClientAddress.Of(context.Connection);
        if (!options.TrustsProxy(proxy))
        {
            if (untrusted.IsTime()) LogUntrusted(log, proxy, options.SectionName);
            return;
        }

        var client = Client(said);
        (context.Connection.RemoteIpAddress, context.Connection.RemotePort) = (client, 0);
        if (client is not null || !unreadable.IsTime()) return;
        var text = LogText.Clean(said.ToString());
        LogUnreadable(log, proxy, text);
    }

    private IPAddress? Client(StringValues said)
    {
        IPAddress? client = null;
        foreach (var entry in said.OfType<string>().SelectMany(line => line.Split(',', StringSplitOptions.TrimEntries)).Reverse())
        {
            client = Parse(entry);
            if (!options.TrustsProxy(client)) break;
        }

        return client;
    }

    /// <summary>
    /// Reads an address, which some proxies write with a port; null when it is not one; short and octal IPv4 forms are rejected.
    /// </summary>
    private static IPAddress? Parse(string text)
    {
        if (text.StartsWith('[') && text.IndexOf(']', StringComparison.Ordinal) is > 0 and var end)
        {
            text = IsPort(text[(end + 1)..]) ? text[1..end] : "";
        }
        else if (text.Count(c => c == ':') == 1 && text.IndexOf(':', StringComparison.Ordinal) is var colon)
        {
            text = IsPort(text[colon..]) ? text[..colon] : "";
        }

        if (!IPAddress.TryParse(text, out var address)) return null;
        if (address.AddressFamily == AddressFamily.InterNetwork) return address.ToString() == text ? address : null;
        return text.AsSpan().ContainsAny("%[]") ? null : address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private static bool IsPort(string text) =>
        text is "" || (text[0] == ':' && ushort.TryParse(text.AsSpan(1), System.Globalization.NumberStyles.None, null, out _));

    [LoggerMessage(
        EventId = LogEvents.ForwardedForIgnored, EventName = nameof(LogEvents.ForwardedForIgnored), Level = LogLevel.Warning,
        Message = "Ignoring X-Forwarded-For from {Address}, which {Section}.trustedProxies does not list: if it is a proxy, all "
            + "its clients appear to share one address. Logged at most once an hour")]
    private static partial void LogUntrusted(ILogger log, IPAddress? address, string section);

    [LoggerMessage(
        EventId = LogEvents.ForwardedForUnreadable, EventName = nameof(LogEvents.ForwardedForUnreadable), Level = LogLevel.Warning,
        Message = "The trusted proxy {Address} sent an X-Forwarded-For that cannot be read: \"{Text}\"; the client's address is "
            + "treated as unknown. Logged at most once an hour")]
    private static partial void LogUnreadable(ILogger log, IPAddress? address, string text);

    /// <summary>Limits the message to one per hour, because every client can send the header.</summary>
    private sealed class Throttle(TimeProvider time)
    {
        private static readonly TimeSpan Pause = TimeSpan.FromHours(1);

        private readonly Lock gate = new();
        private long? last;

        public bool IsTime()
        {
            lock (gate)
            {
                if (last is { } before && time.GetElapsedTime(before) < Pause) return false;
                last = time.GetTimestamp();
                return true;
            }
        }
    }
}
