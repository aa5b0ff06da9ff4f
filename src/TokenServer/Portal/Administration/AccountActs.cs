using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>Records in the audit log what administrators did in the portal, in the form of the commands that do the same.</summary>
internal sealed class AccountActs(AuditLog audit, TimeProvider time)
{
    /// <summary>Somebody did something.</summary>
    public void Done(RouteRequest request, SessionCaller caller, string action, params IReadOnlyList<string> arguments) =>
        Record(request, caller, action, arguments, null);

    /// <summary>Somebody tried to do something that failed.</summary>
    public void Failed(RouteRequest request, SessionCaller caller, string action, string reason, params IReadOnlyList<string> arguments) =>
        Record(request, caller, action, arguments, reason);

    private void Record(RouteRequest request, SessionCaller caller, string action, IReadOnlyList<string> arguments, string? failure) =>
        audit.Add(new AdministrativeAct(
            time.GetUtcNow(), action,
            $"{caller.Session.Account} at {request.Address?.ToString() ?? "an unknown address"}", arguments,
            failure is null ? AdministrativeAct.Done : AdministrativeAct.Failed, failure));
}
