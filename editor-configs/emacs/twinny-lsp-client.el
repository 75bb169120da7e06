;;; twinny-lsp-client.el --- The connection to twinny-lsp, and what it knows  -*- lexical-binding: t; -*-

;; Version: 1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: convenience, languages, tools

;;; Commentary:

;; One server for the session, on a connection of our own (jsonrpc.el): start, end, requests, settings.  Not for
;; buffers (twinny-lsp-documents.el), and not for what is done with it (twinny-lsp-ghost.el, twinny-lsp.el).

;;; Code:

(require 'jsonrpc)
(require 'seq)
(require 'url-util)
(eval-when-compile (require 'subr-x))

(declare-function project-root "project")
(declare-function twinny-lsp--answer "twinny-lsp")
(declare-function twinny-lsp--folder "twinny-lsp-documents")
(declare-function twinny-lsp--hear "twinny-lsp")
(declare-function twinny-lsp--open "twinny-lsp-documents")

(defvar twinny-lsp-mode)

(defgroup twinny-lsp nil
  "Ghost text, edits and chat from your own models."
  :group 'convenience
  :prefix "twinny-lsp-")

;; The next two name programs to run and addresses that code is sent to.  A project must not choose them:
;; they are risky as local variables, and only their global values are ever looked at.

(defcustom twinny-lsp-command '("twinny-lsp")
  "The server's program and its arguments.  Local values are not looked at."
  :type '(repeat string)
  :risky t)

(defcustom twinny-lsp-settings nil
  "Settings for the server, as a property list; a change holds at once.
Keys are those of the server's documentation; `:json-false' is false.
nil keeps those of the server's own configuration file.  For example:
  (:completion (:provider \"ollama\" :model \"qwen2.5-coder:1.5b-base\"))
Local values are not looked at."
  :type 'plist
  :risky t)

;;; The connection

(defclass twinny-lsp--connection (jsonrpc-process-connection) ()
  "A connection whose requests can be cancelled, and which can answer later.")

(defvar-local twinny-lsp--uri nil "The name of the buffer at the server, nil if not open.")
(defvar twinny-lsp--server nil "The connection, nil while there is none.")
(defvar twinny-lsp--ready nil "Non-nil once the server may be spoken to.")
(defvar twinny-lsp--failed nil "Non-nil if it ended or did not start.")
(defvar twinny-lsp--waiting nil "Functions to call when the server is ready, last first.")
(defvar twinny-lsp--status nil "What the server says of itself: (STATE . MESSAGE).")
(defvar twinny-lsp--folders nil "Directories the server knows as workspace folders.")
(defvar twinny-lsp--sent nil "Id of the last request.")
(defvar twinny-lsp--closed-hook nil "Run in a buffer that the server does not know any more.")
(defvar twinny-lsp--tasks nil "Ids of requests that are at work for long, and can be stopped.")

(cl-defmethod jsonrpc-connection-send :around ((_conn twinny-lsp--connection) &rest message)
  "Send MESSAGE; a result that is a function gets the id, to answer later."
  (let ((result (plist-get message :result)))
    (cond ((functionp result) (funcall result (plist-get message :id)))
          (t (unless (or (plist-member message :result) (plist-member message :error))
               (setq twinny-lsp--sent (plist-get message :id)))
             (cl-call-next-method)))))

(defun twinny-lsp--get (object &rest keys)
  "Return what is in OBJECT, a JSON object, under KEYS, one within the other."
  (dolist (key keys object)
    (setq object (plist-get object key))))

(defun twinny-lsp--say (format &rest args)
  "Show a message made of FORMAT and ARGS."
  (message "%s" (string-remove-suffix "\n" (apply #'format format args))))

(defun twinny-lsp--notify (method params)
  "Tell the server METHOD with PARAMS."
  (jsonrpc-notify twinny-lsp--server method params))

(defun twinny-lsp--request (method params success &optional failure)
  "Ask the server METHOD with PARAMS, and give the request's id.
SUCCESS is called with the result, FAILURE with the error's message; it
is shown if there is no FAILURE."
  (jsonrpc-async-request
   twinny-lsp--server method params
   :timeout nil
   :success-fn success
   :error-fn (lambda (failed)
               (cond (failure (funcall failure (plist-get failed :message)))
                     ;; Cancelled, or the server is gone, of which is told elsewhere.
                     ((not (memq (plist-get failed :code) '(-1 -32800 -32801)))
                      (twinny-lsp--say "twinny-lsp: %s" (plist-get failed :message))))))
  twinny-lsp--sent)

(defun twinny-lsp--wait (method params)
  "Ask the server METHOD with PARAMS and return the result, nil when a key comes."
  (let* ((result 'none)
         (id (twinny-lsp--request method params
                                  (lambda (got) (setq result got)) (lambda (_) (setq result nil)))))
    (unwind-protect
        (while (and (eq result 'none) (not (input-pending-p)))
          (accept-process-output nil 0.05))
      (when (eq result 'none)
        (setq result nil)
        (twinny-lsp--cancel id)))
    result))

(defun twinny-lsp--cancel (id)
  "Tell the server that the answer to the request ID is not needed any more."
  (when (and id twinny-lsp--ready)
    (twinny-lsp--notify :$/cancelRequest (list :id id))))

(defun twinny-lsp--start ()
  "Start the server, if there is none and none has failed."
  (unless (or twinny-lsp--server twinny-lsp--failed)
    (condition-case problem
        (let ((command (default-value 'twinny-lsp-command))
              (default-directory (expand-file-name "~/")))
          (setq twinny-lsp--server
                (make-instance
                 'twinny-lsp--connection
                 :name "twinny-lsp"
                 ;; No log of what is said: it would hold code.
                 :events-buffer-config '(:size 0 :format full)
                 :request-dispatcher #'twinny-lsp--answer
                 :notification-dispatcher #'twinny-lsp--hear
                 :on-shutdown #'twinny-lsp--ended
                 :process (lambda ()
                            (make-process :name "twinny-lsp" :command command
                                          :connection-type 'pipe :coding 'utf-8-emacs-unix :noquery t
                                          :stderr (get-buffer-create "*twinny-lsp stderr*")))))
          (add-hook 'kill-emacs-hook #'twinny-lsp--leave)
          (jsonrpc-async-request
           twinny-lsp--server :initialize (twinny-lsp--initialize)
           :timeout nil
           :success-fn #'twinny-lsp--initialized
           :error-fn (lambda (failed) (twinny-lsp--say "twinny-lsp: %s" (plist-get failed :message)))))
      (error (setq twinny-lsp--server nil twinny-lsp--failed t)
             (twinny-lsp--say "twinny-lsp cannot be started: %s" (error-message-string problem))))))

(defun twinny-lsp--initialize ()
  "Return what the server is told of us at first."
  (list :processId (emacs-pid)
        :clientInfo (list :name "twinny-lsp.el" :version emacs-version)
        :rootUri nil
        :workspaceFolders (vconcat (mapcar #'twinny-lsp--folder twinny-lsp--folders))
        :capabilities
        `( :general (:positionEncodings ["utf-32"])
           :workspace ( :applyEdit t :configuration t :workspaceFolders t
                        :workspaceEdit (:documentChanges t :resourceOperations ["create"]))
           :textDocument ( :synchronization (:didSave :json-false)
                           :inlineCompletion (:dynamicRegistration :json-false)
                           :completion (:contextSupport t :completionItem (:snippetSupport :json-false))
                           :codeAction ( :isPreferredSupport t
                                         :codeActionLiteralSupport
                                         (:codeActionKind (:valueSet ["quickfix" "refactor" "source"]))))
           :window (:showDocument (:support t) :showMessage (:messageActionItem nil))
           :experimental (:twinny-lsp (:status t)))))

(defun twinny-lsp--initialized (result)
  "Go on after RESULT of the first request: tell of the open buffers."
  (if (not (equal (twinny-lsp--get result :capabilities :positionEncoding) "utf-32"))
      (progn (twinny-lsp--say "twinny-lsp: the server counts no code points; it is not a twinny-lsp")
             (setq twinny-lsp--failed t)
             (twinny-lsp--stop))
    (twinny-lsp--notify :initialized (make-hash-table))
    (setq twinny-lsp--ready t)
    (dolist (buffer (buffer-list))
      (with-current-buffer buffer
        (twinny-lsp--open)))
    (let ((waiting (nreverse twinny-lsp--waiting)))
      (setq twinny-lsp--waiting nil)
      (mapc #'funcall waiting))))

(defun twinny-lsp--when-ready (function)
  "Call FUNCTION in this buffer as soon as the server is ready."
  (setq twinny-lsp--failed (and twinny-lsp--failed twinny-lsp--server))
  (twinny-lsp--start)
  (let ((buffer (current-buffer)))
    (cond (twinny-lsp--ready (funcall function))
          (twinny-lsp--server
           (push (lambda () (when (buffer-live-p buffer) (with-current-buffer buffer (funcall function))))
                 twinny-lsp--waiting)))))

(defun twinny-lsp--ended (connection)
  "Clean up after CONNECTION, whose server has ended."
  (when (buffer-live-p (jsonrpc-events-buffer connection))
    (kill-buffer (jsonrpc-events-buffer connection)))
  (when (eq connection twinny-lsp--server)
    (setq twinny-lsp--server nil twinny-lsp--ready nil twinny-lsp--status nil
          twinny-lsp--tasks nil twinny-lsp--waiting nil twinny-lsp--failed t)
    (twinny-lsp--forget-buffers)
    (force-mode-line-update t)
    (twinny-lsp--say "twinny-lsp has ended; M-x twinny-lsp-restart starts it again")))

(defun twinny-lsp--forget-buffers ()
  "Forget what the server knew of buffers."
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer
      (when twinny-lsp--uri
        (setq twinny-lsp--uri nil)
        (run-hooks 'twinny-lsp--closed-hook)))))

(defun twinny-lsp--stop ()
  "End the server, and wait a moment for its end."
  (when-let* ((server twinny-lsp--server))
    (setq twinny-lsp--server nil twinny-lsp--ready nil)
    (twinny-lsp--forget-buffers)
    (ignore-errors
      (jsonrpc-request server :shutdown nil :timeout 2)
      (jsonrpc-notify server :exit nil))
    (with-timeout (3) (while (jsonrpc-running-p server) (accept-process-output nil 0.05)))
    (when (jsonrpc-running-p server) (jsonrpc-shutdown server))))

(defun twinny-lsp--leave ()
  "End the server with Emacs, without waiting for it."
  (when twinny-lsp--ready
    (ignore-errors
      (jsonrpc-request twinny-lsp--server :shutdown nil :timeout 1)
      (jsonrpc-notify twinny-lsp--server :exit nil))))

;;;###autoload
(defun twinny-lsp-restart ()
  "Start the server; end the one there is."
  (interactive)
  (twinny-lsp--stop)
  (setq twinny-lsp--failed nil)
  (twinny-lsp--start))

;;; Settings

(defun twinny-lsp--settings ()
  "Return the settings as JSON: no project's."
  (or (default-value 'twinny-lsp-settings) (make-hash-table)))

(defun twinny-lsp--settings-set (_symbol _value operation where)
  "Tell the server of new settings, by OPERATION, unless local to WHERE."
  (when (and (eq operation 'set) (not where))
    ;; The variable has its new value after this.
    (run-at-time 0 nil (lambda ()
                         (when twinny-lsp--ready
                           (twinny-lsp--notify :workspace/didChangeConfiguration '(:settings nil)))))))

(add-variable-watcher 'twinny-lsp-settings #'twinny-lsp--settings-set)

(provide 'twinny-lsp-client)
;;; twinny-lsp-client.el ends here
